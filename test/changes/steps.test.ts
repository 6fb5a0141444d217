import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CdiffSource, changesByCdiffAlone, changesByCdiffs } from '../../scripts/changes/from-cdiffs.ts';
import { changesByDatabases } from '../../scripts/changes/from-databases.ts';
import type { FileChange } from '../../scripts/changes/step.ts';
import { temporaryFolder } from '../store/support.ts';
import { diffScript } from '../support/databases/chain.ts';
import { makeCdiff, makeCvd } from '../support/databases/signing.ts';
import { withCode } from '../support/throws.ts';

const cvd = (version: number, files: Readonly<Record<string, string>>) => {
  const path = join(temporaryFolder(), 'test.cvd');
  writeFileSync(path, makeCvd({ database: 'test', version, files: bytesOf(files) }));
  return path;
};
const byCdiffs = async (old: string, source: CdiffSource) =>
  await changesByCdiffs('test', old, [source], join(temporaryFolder(), 'unpacked'));
const bytesOf = (files: Readonly<Record<string, string>>) =>
  new Map(Object.entries(files).map(([name, text]) => [name, Buffer.from(text, 'latin1')]));

/** What changed from one version to the next, by each way to find it out. */
async function changes(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>) {
  const cdiff = makeCdiff(2, diffScript(bytesOf(before), bytesOf(after)));
  const source = { version: 2, bytes: () => [cdiff] };
  const [old, next] = [cvd(1, before), cvd(2, after)];
  return {
    byCdiff: (await byCdiffs(old, source))[0]?.files,
    byDatabases: (await changesByDatabases('test', old, next)).files,
    byCdiffAlone: changesByCdiffAlone('test', source).files,
  };
}

describe('a step', () => {
  test('exchanges a signature whose line is another one, and moves none', async () => {
    const { byCdiff, byDatabases } = await changes(
      { 'test.ndb': 'A:0:*:00\nB:0:*:11\nC:0:*:22\n' },
      { 'test.ndb': 'C:0:*:22\nA:0:*:01\nD:0:*:33\n' },
    );
    const expected: FileChange[] = [
      {
        file: 'test.ndb',
        added: { lines: 1, names: ['D'] },
        removed: { lines: 1, names: ['B'] },
        exchanged: { lines: 1, names: ['A'] },
      },
    ];
    expect(byCdiff).toEqual(expected);
    expect(byDatabases).toEqual(expected);
  });

  test('names what a CDIFF removes by the database before it, for the CDIFF quotes a hash alone', async () => {
    const hash = '0123456789abcdef0123456789abcdef';
    const { byCdiff, byCdiffAlone } = await changes(
      { 'test.hdb': `${hash}:10:Win.Gone\n${'f'.repeat(32)}:10:Win.Kept\n` },
      { 'test.hdb': `${'f'.repeat(32)}:10:Win.Kept\n` },
    );
    expect(byCdiff).toEqual([{ file: 'test.hdb', removed: { lines: 1, names: ['Win.Gone'] } }]);
    expect(byCdiffAlone).toEqual([{ file: 'test.hdb', removed: { lines: 1, names: [], unknown: 1 } }]);
  });

  test('tells of bytecode by its file, whatever its lines are', async () => {
    const { byCdiff, byDatabases, byCdiffAlone } = await changes(
      { '1.cbc': 'a\nb\n', '2.cbc': 'a\n', '3.cbc': 'a\n' },
      { '1.cbc': 'a\nc\n', '3.cbc': 'a\n', '4.cbc': 'x\ny\n' },
    );
    const one = (kind: string, file: string) => ({ file, [kind]: { lines: 1, names: [file] } });
    const expected = [one('exchanged', '1.cbc'), one('removed', '2.cbc'), one('added', '4.cbc')];
    expect(byCdiff).toEqual(expected);
    expect(byDatabases).toEqual(expected);
    expect(byCdiffAlone).toEqual(expected);
  });

  test('says when Talos built it', async () => {
    const before = bytesOf({ 'test.info': 'ClamAV-VDB:01 Jan 2026 00-00 +0000:1:1:90:X:X:me:1767225600\n' });
    const after = bytesOf({ 'test.info': 'ClamAV-VDB:02 Jan 2026 00-00 +0000:2:1:90:X:X:me:1767312000\n' });
    const cdiff = { version: 2, bytes: () => [makeCdiff(2, diffScript(before, after))] };
    const built = '2026-01-02T00:00:00.000Z';
    expect(changesByCdiffAlone('test', cdiff)).toMatchObject({ built, files: [] });
  });

  test('is not told where a line is continued: then both databases are compared', async () => {
    const cdiff = { version: 2, bytes: () => [makeCdiff(2, 'OPEN test.ndb\nADD A:0:*:00\nCLOSE\n')] };
    const old = cvd(1, { 'test.ndb': 'B:0:*:00' });
    await expect(byCdiffs(old, cdiff)).rejects.toThrow(withCode('cvd/patch'));
  });

  test('needs CDIFFs that lead where they say', async () => {
    const cdiff = { version: 3, bytes: () => [makeCdiff(2, 'OPEN a.ndb\nADD A:0:*:00\nCLOSE\n')] };
    expect(() => changesByCdiffAlone('test', cdiff)).toThrow(withCode('cvd/cdiff'));
  });

  test('is not told of databases with more lines than COMPARED_LINES, which are two here', async () => {
    const compare = async (text: string) =>
      await changesByDatabases('test', cvd(1, {}), cvd(2, { 'test.ndb': text }), 2);
    expect((await compare('A:0:*:00\nB:0:*:00\n')).files).toHaveLength(1);
    await expect(compare('A:0:*:00\nB:0:*:00\nC:0:*:00\n')).rejects.toThrow(withCode('cvd/too-large'));
  });

  test('leaves nothing behind of the database that it unpacked', async () => {
    const folder = temporaryFolder();
    const cdiff = makeCdiff(2, 'OPEN test.ndb\nADD A:0:*:00\nCLOSE\n');
    const source = { version: 2, bytes: () => [cdiff] };
    await changesByCdiffs('test', cvd(1, { 'test.ndb': 'B:0:*:00\n' }), [source], join(folder, 'unpacked'));
    expect(readdirSync(folder)).toEqual([]);
  });
});
