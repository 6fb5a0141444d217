import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { takeLock } from '../../scripts/files/lock.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
  path = join(folder, 'work', 'lock');
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const BUSY = { code: 'file/busy' };

test('a lock is taken by one only, and free again once it is let go', async () => {
  {
    using _lock = await takeLock(path, 'it');
    await expect(takeLock(path, 'it')).rejects.toMatchObject(BUSY);
    await expect(takeLock(path, 'it')).rejects.toMatchObject(BUSY);
  }
  using _again = await takeLock(path, 'it');
  expect(await readdir(join(folder, 'work'))).toEqual(['lock']);
});

test('of many who want it at once, one gets it', async () => {
  const takers = await Promise.allSettled([...Array(20)].map(() => takeLock(path, 'it')));
  const taken = takers.flatMap((taker) => (taker.status === 'fulfilled' ? [taker.value] : []));
  for (const lock of taken) lock[Symbol.dispose]();
  expect(taken).toHaveLength(1);
});

test('defect 15: a lock of another process cannot be taken, and is free at once when that is killed', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'lock-child.ts'), path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  await once(child.stdout, 'data');
  await expect(takeLock(path, 'it')).rejects.toMatchObject(BUSY);
  child.kill('SIGKILL');
  await once(child, 'exit');
  using _lock = await takeLock(path, 'it');
});

test.each(['a folder', 'another file'])('what cannot be locked, for it is %s, is an error', async (what) => {
  await mkdir(what === 'a folder' ? path : join(folder, 'work'), { recursive: true });
  if (what === 'another file') await writeFile(path, 'somebody keeps something else here'.repeat(100));
  await expect(takeLock(path, 'it')).rejects.toMatchObject({ code: 'file/unreadable' });
});
