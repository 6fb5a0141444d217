import { readdirSync, readlinkSync, renameSync } from 'node:fs';
import { mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { OpenFiles } from '../../scripts/host/file-cache.ts';
import type { OpenFile } from '../../scripts/host/open-file.ts';

let folder = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'open-files-'));
});

afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true });
});

const write = (content: string): Promise<void> => writeFile(join(folder, 'daily.cvd'), content);

/** So much later that the times of every file are trusted. */
function muchLater(): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 });
}

async function textOf(file: OpenFile | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const bytes = Buffer.alloc(100);
  return bytes.toString('latin1', 0, await file.read(bytes, 0));
}

test('a file that did not change for a while is opened once', async () => {
  await write('one');
  muchLater();
  using files = new OpenFiles(folder);
  using first = await files.take('daily.cvd');
  using second = await files.take('daily.cvd');
  expect(await textOf(first)).toBe('one');
  expect(second).toBe(first);
});

test('a file that changed just now is opened for every request: its times cannot tell another change', async () => {
  await write('one');
  using files = new OpenFiles(folder);
  using first = await files.take('daily.cvd');
  using second = await files.take('daily.cvd');
  expect(await textOf(second)).toBe('one');
  expect(second).not.toBe(first);
});

test.each<[what: string, change: (path: string) => Promise<void>, now: string | undefined]>([
  [
    'replaced',
    async (path) => {
      await writeFile(join(folder, '.next'), 'two');
      renameSync(join(folder, '.next'), path);
    },
    'two',
  ],
  [
    'written anew in place, to the same length',
    async (path) => {
      const { ctimeMs } = await stat(path);
      do await writeFile(path, 'two');
      while ((await stat(path)).ctimeMs === ctimeMs);
    },
    'two',
  ],
  ['deleted', (path) => rm(path), undefined],
  [
    'turned into a link',
    async (path) => {
      renameSync(path, join(folder, 'other'));
      await symlink('other', path);
    },
    undefined,
  ],
])('a kept file that is %s is not given out again', async (_, change, now) => {
  await write('one');
  muchLater();
  using files = new OpenFiles(folder);
  using before = await files.take('daily.cvd');
  vi.useRealTimers();
  await change(join(folder, 'daily.cvd'));
  muchLater();
  using after = await files.take('daily.cvd');
  expect(after).not.toBe(before);
  expect(await textOf(after)).toBe(now);
});

test('a file stays open for whoever took it, though it was replaced and nothing is kept any more', async () => {
  await write('one');
  muchLater();
  const files = new OpenFiles(folder);
  using one = await files.take('daily.cvd');
  await writeFile(join(folder, '.next'), 'two');
  renameSync(join(folder, '.next'), join(folder, 'daily.cvd'));
  using two = await files.take('daily.cvd');
  files[Symbol.dispose]();
  expect([await textOf(one), await textOf(two)]).toEqual(['one', 'two']);
});

test('requests of the same moment share one look, and one that comes after a replacement never gets less', async () => {
  await write('0');
  muchLater();
  using files = new OpenFiles(folder);
  for (let turn = 1; turn <= 100; turn++) {
    await writeFile(join(folder, '.next'), String(turn));
    const early = [files.take('daily.cvd'), files.take('daily.cvd')];
    for (let step = 0; step < turn % 7; step++) await null; // the look is under way by now, or not
    renameSync(join(folder, '.next'), join(folder, 'daily.cvd'));
    using late = await files.take('daily.cvd');
    expect(await textOf(late)).toBe(String(turn));
    const [one, other] = await Promise.all(early);
    expect(other).toBe(one);
    for (const file of [one, other]) file?.[Symbol.dispose]();
  }
});

test.skipIf(process.platform !== 'linux')(
  'what nobody asks for is closed, and never are many kept',
  async () => {
    const names = Array.from({ length: 100 }, (_, n) => `daily-${n}.cdiff`);
    for (const name of names) await writeFile(join(folder, name), name);
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.now() + 60_000 });
    using files = new OpenFiles(folder);
    using held = await files.take('daily-0.cdiff');
    for (const name of names) (await files.take(name))?.[Symbol.dispose]();
    await expect.poll(openBelow).toBe(65);
    vi.advanceTimersByTime(2000);
    await expect.poll(openBelow).toBe(1);
    expect(await textOf(held)).toBe('daily-0.cdiff');
  },
);

/** How many files of the folder this process has open. */
function openBelow(): number {
  const paths = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return ''; // closed in between
    }
  });
  return paths.filter((path) => path.startsWith(folder)).length;
}
