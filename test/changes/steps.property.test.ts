import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { codeOf } from '../../scripts/base/errors.ts';
import { changesByCdiffAlone, changesByCdiffs } from '../../scripts/changes/from-cdiffs.ts';
import { changesByDatabases } from '../../scripts/changes/from-databases.ts';
import { type Counts, countsOf, type FileChange } from '../../scripts/changes/step.ts';
import { diffScript } from '../support/databases/chain.ts';
import {
  anyFiles,
  anySizes,
  anySteps,
  encodeScript,
  inPieces,
  scriptFor,
} from '../support/databases/generate.ts';
import type { Files } from '../support/databases/naive.ts';
import { signatureLine } from '../support/databases/signatures.ts';
import { makeCdiff, makeCvd } from '../support/databases/signing.ts';
import { EXTENSIONS, plainDifference } from './plain.ts';

/** Files of every kind: the names of `anyFiles` with other extensions. */
const anyRenaming = fc.shuffledSubarray([...EXTENSIONS], { minLength: 5, maxLength: 5 });

/** A chain of versions, and what differs between each and the one before. */
const anyChain = fc
  .tuple(anyFiles, fc.array(anySteps, { minLength: 1, maxLength: 3 }), anyRenaming)
  .map(([first, steps, extensions]) => {
    const renamed = (name: string) => `${name[0]}.${extensions['abcde'.indexOf(name[0] ?? '')]}`;
    const inOtherNames = (files: Files): Files =>
      new Map([...files].map(([name, bytes]) => [renamed(name), bytes]));
    let state = first;
    return {
      first: inOtherNames(first),
      versions: steps.map((step) => {
        const { commands, files } = scriptFor(state, step);
        state = files;
        const script = encodeScript(commands)
          .toString('latin1')
          .replace(/^(OPEN|UNLINK) (\S+)/gm, (_, command, name) => `${command} ${renamed(name)}`)
          .replace(/^MOVE (\S+) (\S+)/gm, (_, from, to) => `MOVE ${renamed(from)} ${renamed(to)}`);
        return { script: Buffer.from(script, 'latin1'), files: inOtherNames(files) };
      }),
    };
  });

const folder = mkdtempSync(join(tmpdir(), 'changes-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const cvdOf = (version: number, files: Files) => {
  const path = join(folder, `test-${version}.cvd`);
  writeFileSync(path, makeCvd({ database: 'test', version, files }));
  return path;
};
const unpacked = join(folder, 'unpacked');

test('what a chain of CDIFFs changed is the difference of the files, for every kind of them', async () => {
  await fc.assert(
    fc.asyncProperty(anyChain, anySizes, async ({ first, versions }, sizes) => {
      const cdiffs = versions.map(({ script }, at) => ({
        version: at + 2,
        bytes: () => inPieces(makeCdiff(at + 2, script), sizes),
      }));
      const steps = await unlessJoined(
        async () => await changesByCdiffs('test', cvdOf(1, first), cdiffs, unpacked),
      );
      const states = [first, ...versions.map(({ files }) => files)];
      expect(steps.map(({ files }) => files)).toEqual(
        versions.map((_, at) => plainDifference(states[at] ?? new Map(), states[at + 1] ?? new Map())),
      );
    }),
    { numRuns: 150 },
  );
});

test('what two databases differ in is the difference of the files, in both directions', async () => {
  await fc.assert(
    fc.asyncProperty(anyChain, async ({ first, versions }) => {
      const last = versions.at(-1)?.files ?? first;
      const [old, next] = [cvdOf(1, first), cvdOf(9, last)];
      expect((await changesByDatabases('test', old, next)).files).toEqual(plainDifference(first, last));
      expect((await changesByDatabases('test', next, old)).files).toEqual(plainDifference(last, first));
    }),
    { numRuns: 80 },
  );
});

const anyLines = fc.uniqueArray(
  fc
    .tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 1, max: 2 }))
    .map(([id, edition]) => `${id} ${edition}`),
  { minLength: 1, maxLength: 20 },
);

test('a CDIFF alone names all that came, and counts what it cannot name', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom('hdb', 'ndb', 'ldb'), anyLines, anyLines, async (form, old, next) => {
      const file = `test.${form}`;
      const [before, after] = [old, next]
        .map((lines) => fileOf(form, lines))
        .map((bytes) => new Map([[file, bytes]]));
      if (before === undefined || after === undefined) throw new Error('two versions were made');
      const cdiff = { version: 2, bytes: () => [makeCdiff(2, diffScript(before, after))] };
      const { files } = changesByCdiffAlone('test', cdiff);
      const [full] = await changesByCdiffs('test', cvdOf(1, before), [cdiff], unpacked);
      const [come, told] = [full?.files ?? [], files].map((found) => new Set(found.flatMap(cameIn)));
      expect([...(come ?? [])].filter((name) => !told?.has(name))).toEqual([]);
      const balance = (counts: Counts) => counts.added - counts.removed;
      if (!files.some(({ gone }) => gone))
        expect(balance(countsOf({ files }))).toBe(balance(countsOf(full ?? { files: [] })));
    }),
    { numRuns: 80 },
  );
});

function fileOf(form: 'hdb' | 'ndb' | 'ldb', lines: readonly string[]): Buffer {
  const numbers = lines.map((line) => line.split(' ').map(Number));
  return Buffer.from(
    numbers.map(([id = 0, edition]) => `${signatureLine(form, id, edition).trim()}\n`).join(''),
    'latin1',
  );
}

function cameIn({ added, exchanged }: FileChange): readonly string[] {
  return [...(added?.names ?? []), ...(exchanged?.names ?? [])];
}

/** Leaves out scripts that continue a line without a newline, of which nobody can tell, and those that are too large. */
async function unlessJoined<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    fc.pre(!['cvd/patch', 'cvd/too-large'].includes(codeOf(error) ?? ''));
    throw error;
  }
}
