import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { foreignGuard } from '../../../scripts/mirror/foreign/serve-guard.ts';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { databaseRecord, described, manifestOf } from '../../store/support.ts';

const MANIFEST = manifestOf(
  { daily: databaseRecord(9), test: databaseRecord(6) },
  { 'daily.cvd': described('daily'), 'test.cvd': described('test'), 'test-6.cdiff': described('step') },
);

/** Those names that a host hides, with this in the place of the manifest. */
async function hidden(text: string, names: readonly string[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'guard-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'manifest.json'), text);
  const hides = foreignGuard(new FolderStore(folder));
  const found = await Promise.all(names.map(async (name) => ((await hides(name)) ? [name] : [])));
  return found.flat();
}

const FOREIGN = ['test.cld', 'main.cvd', 'daily.cld'];
const NAMES = ['daily.cvd', 'test.cvd', 'test-6.cdiff', 'local_rules.cvd', ...FOREIGN];

test('a host hides what the manifest does not name', async () => {
  expect(await hidden(JSON.stringify(MANIFEST), [...NAMES, 'test-5.cdiff'])).toEqual([
    ...FOREIGN,
    'test-5.cdiff',
  ]);
});

test('it does so, too, where a part of the manifest cannot be understood, and hides nothing of that part', async () => {
  const broken = {
    ...MANIFEST,
    databases: { ...MANIFEST.databases, test: { version: -1 } },
    files: { ...MANIFEST.files, 'test.cvd': { size: 'much' } },
  };
  const steps = ['test-5.cdiff', 'test-6.cvd.sign', 'daily-5.cdiff'];
  expect(await hidden(JSON.stringify(broken), [...NAMES, ...steps])).toEqual([...FOREIGN, 'daily-5.cdiff']);
});

test('it hides nothing where nothing can be understood', async () => {
  expect(await hidden('{', NAMES)).toEqual([]);
});
