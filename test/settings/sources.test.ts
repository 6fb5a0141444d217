import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { trustedOwners } from '../../scripts/files/trusted-owners.ts';
import { sharedOptions } from '../../scripts/settings/commands/commands.ts';
import { withConfig } from '../../scripts/settings/config/config.ts';
import { formOf } from '../../scripts/settings/form.ts';
import type { Option } from '../../scripts/settings/option.ts';
import { type Given, sourceOf, validated, variableOf } from '../../scripts/settings/read.ts';
import { ROWS, temporaryFolder, textsFor, valueFor } from './support.ts';

/** Where a value is given: by a flag, a variable, a key of the file, or a key of the command's section of it. */
interface Sources {
  readonly flag?: string | undefined;
  readonly variable?: string | undefined;
  readonly file?: string | undefined;
  readonly section?: string | undefined;
}

const OWNERS = await trustedOwners();

/** Reads an option that stands in these places. */
async function reading(
  { command, option }: (typeof ROWS)[number],
  { flag, variable, file, section }: Sources,
  path: string,
) {
  const { name } = option;
  const own = command === 'doctor' ? 'sync' : command;
  const content = {
    ...(file !== undefined && { [name]: valueFor(option, file) }),
    ...(section !== undefined && { [own]: { [name]: valueFor(option, section) } }),
  };
  writeFileSync(path, JSON.stringify(content));
  const given: Given = await withConfig(
    {
      flags: { config: path, ...(flag !== undefined && { [name]: flag }) },
      environment: variable === undefined ? {} : { [variableOf(name)]: variable },
    },
    command,
    OWNERS,
  );
  const options: readonly Option[] = [option];
  return { value: validated(options, given)[name], source: sourceOf(name, given) };
}

describe.each(ROWS.map((row) => [row.command, row.option.name, row] as const))('%s --%s', (_c, _n, row) => {
  const texts = textsFor(row.option);
  const [first = '', second = first, third = first] = texts;

  test('counts as a flag more than as a variable, and as that more than in the file', async () => {
    expect(texts.length, 'give the row an `example`').toBeGreaterThan(0);
    const isShared = sharedOptions().has(row.option.name);
    const path = join(temporaryFolder(), 'settings.json');
    const alone = async (text: string) => (await reading(row, { flag: text }, path)).value;
    const inFile = isShared ? [{ file: third }, { file: third, section: second }] : [{ section: third }];
    const cases = [{}, ...inFile].flatMap((file): Sources[] => [
      file,
      { ...file, variable: second },
      { ...file, flag: first },
      { ...file, flag: first, variable: second },
    ]);
    for (const sources of cases) {
      const { flag, variable, section, file } = sources;
      const text = flag ?? variable ?? section ?? file;
      if (text === undefined && row.option.isNeeded) continue;
      const { value, source } = await reading(row, sources, path);
      const places = { flag, variable, file: section ?? file, default: '' };
      const [expected] = Object.entries(places).find(([, given]) => given !== undefined) ?? [];
      expect({ sources, source }).toEqual({ sources, source: expected });
      if (text !== undefined) expect({ sources, value }).toEqual({ sources, value: await alone(text) });
    }
  });
});

test('a value means the same as a flag, as a variable and in the file, whatever it is', async () => {
  const path = join(temporaryFolder(), 'settings.json');
  const anyText = (option: Option): fc.Arbitrary<string> => {
    const form = formOf(option);
    if (form.kind === 'switch') return fc.constantFrom('true', 'false');
    if (form.kind === 'number') return fc.integer({ min: 0, max: form.most + 2 }).map(String);
    if (form.kind === 'path') return fc.stringMatching(/^\/[ -~]{0,20}$/);
    const words = fc.oneof(
      fc.constantFrom(...textsFor(option)),
      fc.string({ minLength: 1, unit: 'grapheme' }),
    );
    if (form.kind === 'text') return words;
    const word = words.filter(
      (text) => text.trim() !== '' && !text.includes('\n') && !text.includes(form.separator),
    );
    return fc.array(word, { minLength: 1, maxLength: 4 }).map((list) => list.join(form.separator));
  };
  const anyRow = fc.constantFrom(...ROWS);
  const anyCase = anyRow.chain((row) => fc.record({ row: fc.constant(row), text: anyText(row.option) }));
  await fc.assert(
    fc.asyncProperty(anyCase, async ({ row, text }) => {
      const of = async (sources: Sources) =>
        await reading(row, sources, path).then(
          ({ value }) => ({ value }),
          (error) => error.code,
        );
      const asFlag = await of({ flag: text });
      expect(await of({ variable: text })).toEqual(asFlag);
      expect(await of({ section: text })).toEqual(asFlag);
    }),
    { seed: 18, numRuns: 200 },
  );
});
