import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { parse } from 'jsonc-parser';
import { describe, expect, test } from 'vitest';
import { sharedOptions } from '../../scripts/settings/commands/commands.ts';
import { parseConfig, SECTIONS } from '../../scripts/settings/config/parse.ts';
import { schemaText } from '../../scripts/settings/generated/schema.ts';
import { problemOf } from '../../scripts/settings/read.ts';
import { ROWS, textsFor, valueFor } from './support.ts';

const schema = JSON.parse(schemaText());
const ajv = new Ajv2020({ allErrors: true }).addVocabulary(['allowComments', 'allowTrailingCommas']);
const validate = ajv.compile(schema);
const isTaken = (content: object) => {
  try {
    parseConfig(JSON.stringify(content), '/srv/it.json');
    return true;
  } catch {
    return false;
  }
};
const inSection = ROWS.filter(({ command }) => SECTIONS.includes(command));

describe('the published schema', () => {
  test('describes every option of every command, with an example that is one', () => {
    for (const { option } of ROWS.filter(({ option: { name } }) => sharedOptions().has(name))) {
      const { anyOf: [shared] = [schema.properties[option.name]] } = schema.properties[option.name];
      expect({ name: option.name, shared }).toMatchObject({
        shared: { description: expect.stringMatching(/\w/) },
      });
      if (option.example !== undefined) expect(problemOf(option, option.example)).toBeUndefined();
    }
  });

  test('takes what an option takes, for all commands and for one', () => {
    for (const { command, option } of inSection) {
      for (const text of textsFor(option)) {
        const setting = { [option.name]: valueFor(option, text) };
        const isShared = sharedOptions().has(option.name);
        for (const content of [...(isShared ? [setting] : []), { [command]: setting }]) {
          validate(content);
          expect({ content, wrong: validate.errors }).toEqual({ content, wrong: null });
          expect({ content, isTaken: isTaken(content) }).toEqual({ content, isTaken: true });
        }
      }
    }
  });

  test('refuses only what the file must not have either', () => {
    const anyName = fc.constantFrom(
      ...ROWS.map(({ option }) => option.name),
      'sync',
      'serve',
      'what',
      '$schema',
    );
    const anyValue = fc.oneof(
      ...ROWS.map((row) =>
        fc.constantFrom(...textsFor(row.option).map((text) => valueFor(row.option, text))),
      ),
      fc.constantFrom(null, -1, 0, 1.5, 1e9, '', ' ', [], [''], ['a,b'], ['a', 5], {}),
    );
    const anySettings = fc.dictionary(anyName, anyValue, { maxKeys: 3 });
    const anyContent = fc.dictionary(anyName, fc.oneof(anyValue, anySettings), { maxKeys: 3 });
    const counts = { taken: 0, refused: 0 };
    fc.assert(
      fc.property(anyContent, (content) => {
        const taken = isTaken(content);
        counts[taken ? 'taken' : 'refused']++;
        if (taken) expect({ content, valid: validate(content) }).toEqual({ content, valid: true });
      }),
      { seed: 18, numRuns: 2000 },
    );
    expect(Math.min(counts.taken, counts.refused)).toBeGreaterThan(100);
  });

  test.each([
    ['a misspelt key', { cdiff: 30 }],
    ['a text for a number', { cdiffs: '30' }],
    ['a number beyond its range', { cdiffs: 0 }],
    ['a text for a list', { databases: 'main' }],
    ['a word that is no choice', { 's3-encryption': 'rot13' }],
    ['an option that the command of its section does not have', { serve: { cdiffs: 30 } }],
    ['an option that is another thing to each command', { to: 5 }],
    ['a section for an option of that name', { probe: { client: { into: '/srv' } } }],
  ])('refuses %s', (_, content) => {
    expect([validate(content), isTaken(content)]).toEqual([false, false]);
  });
});

test('the example of the README is a settings file, by the schema too', async () => {
  const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
  const [, example = ''] = /```jsonc\n(.*?)```/s.exec(readme) ?? [];
  expect(validate(parse(example))).toBe(true);
  expect(parseConfig(example, '/etc/clamav-mirror.json').shared.size).toBeGreaterThan(2);
});
