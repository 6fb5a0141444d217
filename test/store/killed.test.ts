import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FolderStore, PRIVATE_FOLDER } from '../../scripts/store/folder.ts';
import { temporaryFolder } from './support.ts';

test('defect 15: a publication that is killed leaves a store that the next one can use at once', async () => {
  const folder = join(temporaryFolder(), 'mirror');
  const pipe = join(temporaryFolder(), 'pipe');
  spawnSync('mkfifo', [pipe]);
  const child = spawn(process.execPath, [join(import.meta.dirname, 'put-child.ts'), folder, pipe], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout, 'data');
  const corner = async () => (await readdir(join(folder, PRIVATE_FOLDER))).sort();
  await vi.waitUntil(async () => (await corner()).length === 2, { timeout: 30_000 });
  const store = new FolderStore(folder);
  await expect(store.begin(undefined)).rejects.toMatchObject({ code: 'store/busy' });
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await corner()).toEqual([expect.stringContaining('.tmp-'), 'lock']);
  await using _publication = await store.begin(undefined);
  expect(await corner()).toEqual(['lock']);
  expect((await store.list()).size).toBe(0);
});
