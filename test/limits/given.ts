import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import {
  ADOPT_ENTRIES,
  ADOPT_VERSIONS,
  ALLOW_LIST_BYTES,
  BUNDLE_CONTENTS_BYTES,
  BUNDLE_NOTE_BYTES,
  BUNDLE_PIECES,
  BUNDLES,
  HIDDEN_SIGNATURES,
} from '../../scripts/base/limits/given.ts';
import { SILENT } from '../../scripts/base/log.ts';
import { CONTENTS, CONTENTS_SUM } from '../../scripts/bundle/contents.ts';
import { bundlesOf } from '../../scripts/bundle/grouped.ts';
import { readExported } from '../../scripts/bundle/note.ts';
import { openPieces } from '../../scripts/bundle/pieces.ts';
import { readBundle } from '../../scripts/bundle/read.ts';
import { sumLine } from '../../scripts/bundle/write.ts';
import { encodeTarHeader, paddingOf } from '../../scripts/cvd/container/tar.ts';
import { readFolder } from '../../scripts/cycle/adopt/read-folder.ts';
import { mayBeHidden } from '../../scripts/proof/scenarios/extras-client.ts';
import { readAllowList } from '../../scripts/settings/allow/list.ts';
import { temporaryFolder } from '../store/support.ts';
import { makeCvd, testTrust } from '../support/databases/signing.ts';
import { ends, fails, type Row } from './rows.ts';

const read = async (folder: string) =>
  await readFolder({
    ...{ folder, copies: join(temporaryFolder(), 'copies'), written: [], databases: ['test'] },
    ...{ window: 30, maxSize: 1_000_000, trust: testTrust(), log: SILENT },
  });

async function folderWith(count: number, name: (at: number) => string): Promise<string> {
  const folder = temporaryFolder();
  for (let at = 0; at < count; at++) await writeFile(join(folder, name(at)), '');
  return folder;
}

export const GIVEN_LIMITS: Readonly<Record<string, Row>> = {
  ALLOW_LIST_BYTES: fails('setting/invalid', async () => {
    const path = join(temporaryFolder(), 'allow.json');
    await writeFile(path, '{ "allow": [] }');
    expect(await readAllowList(path)).toEqual([]);
    await writeFile(path, `{ "allow": [] }${' '.repeat(ALLOW_LIST_BYTES)}`);
    await readAllowList(path);
  }),
  // test/proof/extras/extras.it.test.ts exceeds them with a real engine
  'HIDDEN_SIGNATURES.least': ends('the proof of a small set fails', () => {
    expect(mayBeHidden(10)).toBe(HIDDEN_SIGNATURES.least);
  }),
  'HIDDEN_SIGNATURES.most': ends('the proof of a large set fails', () => {
    expect(mayBeHidden(9_000_000)).toBe(HIDDEN_SIGNATURES.most);
  }),
  'HIDDEN_SIGNATURES.share': ends('the proof fails', () => {
    expect(mayBeHidden(50_000)).toBe(50_000 * HIDDEN_SIGNATURES.share);
  }),
  ADOPT_ENTRIES: fails('adopt/too-many', async () => await read(await folderWith(ADOPT_ENTRIES + 1, String))),
  ADOPT_VERSIONS: ends('a version is not looked at', async () => {
    const folder = await folderWith(ADOPT_VERSIONS, (at) => `test-${at + 1}.cvd`);
    const files = new Map([['test.hdb', Buffer.from('x\n')]]);
    await writeFile(join(folder, 'test.cvd'), makeCvd({ database: 'test', version: 1, files }));
    const looked = async (name: string) => {
      const { files } = (await read(folder)).report();
      return files.find((file) => file.name === name)?.outcome;
    };
    expect(await looked('test-1.cvd')).toBe('unproven'); // empty
    expect(await looked('test-99.cvd')).toBe('not needed');
  }),
  BUNDLE_CONTENTS_BYTES: fails('bundle/damaged', async () => {
    const path = join(temporaryFolder(), 'bundle.tar');
    const sum = Buffer.from(sumLine('0'.repeat(64)));
    const size = BUNDLE_CONTENTS_BYTES + 1;
    const start = [
      ...[encodeTarHeader({ name: CONTENTS_SUM, size: sum.length }), sum],
      ...[Buffer.alloc(paddingOf(sum.length)), encodeTarHeader({ name: CONTENTS, size })],
    ];
    await writeFile(path, Buffer.concat(start));
    await readBundle({ name: 'bundle.tar', paths: [path] }, temporaryFolder());
  }),
  BUNDLE_PIECES: fails('bundle/piece', async () => {
    await using pieces = openPieces(join(temporaryFolder(), 'bundle.tar'), 1);
    await pieces.write(Buffer.alloc(BUNDLE_PIECES + 1));
  }),
  BUNDLES: ends('no import', () => {
    const many = (count: number) => bundlesOf(Array.from({ length: count }, (_, at) => `${at}.tar`));
    expect(many(BUNDLES)).toHaveLength(BUNDLES);
    expect(() => many(BUNDLES + 1)).toThrow(/too many/);
  }),
  BUNDLE_NOTE_BYTES: fails('bundle/since', async () => {
    const work = join(temporaryFolder(), 'work');
    await mkdir(work);
    await writeFile(join(work, 'exported.json'), '{}');
    await truncate(join(work, 'exported.json'), BUNDLE_NOTE_BYTES + 1);
    await readExported(work);
  }),
};
