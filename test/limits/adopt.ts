import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ADOPT_ENTRIES, ADOPT_VERSIONS } from '../../scripts/base/limits/adopt.ts';
import { SILENT } from '../../scripts/base/log.ts';
import { readFolder } from '../../scripts/cycle/adopt/read-folder.ts';
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

export const ADOPT_LIMITS: Readonly<Record<string, Row>> = {
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
};
