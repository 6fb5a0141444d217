import { mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { CachedStore } from '../../scripts/mirror/cached-store.ts';
import { Copies } from '../../scripts/store/copies.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { testContract } from '../store/contract.ts';
import { sha256, temporaryFolder } from '../store/support.ts';
import { Counted, publishTexts } from './counted-folder.ts';

describe('a folder behind copies', () => {
  testContract(async () => {
    const folder = join(temporaryFolder(), 'mirror');
    return {
      open: () => new CachedStore(new FolderStore(folder), join(dirname(folder), 'copies')),
      async plant(name, text) {
        await mkdir(dirname(join(folder, name)), { recursive: true });
        await writeFile(join(folder, name), text);
      },
      read: async (name) => await readFile(join(folder, name)).catch(() => undefined),
      async names() {
        const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
        const files = entries.filter((entry) => entry.isFile());
        const names = files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
        return names.filter((name) => !name.endsWith('/lock')).sort();
      },
    };
  });
});

const MAIN = 'main 1';
let folder = '';
let copies = '';
let store: Counted;
beforeEach(() => {
  folder = temporaryFolder();
  copies = join(folder, 'copies');
  store = new Counted(join(folder, 'mirror'));
});

/** As in another run. */
const open = (limit?: number) => new CachedStore(store, new Copies(copies, limit));
const copyOf = (text: string) => join(copies, sha256(text));

/** Publishes these files, and a manifest that names them. */
const publish = (files: Readonly<Record<string, string>>, to: CachedStore | Counted = open()) =>
  publishTexts(files, to, folder);

async function fetched(name = 'main.cvd', from = open()): Promise<string> {
  const path = join(folder, 'fetched');
  await from.fetch(name, path);
  const text = await readFile(path, 'utf8');
  await writeFile(path, 'written again');
  return text;
}

test('what was put or fetched once is not fetched again', async () => {
  await publish({ 'main.cvd': MAIN }, store);
  for (const _ of [1, 2, 3]) expect(await fetched()).toBe(MAIN);
  expect(store.fetched).toEqual(['main.cvd']);
  await publish({ 'main.cvd': MAIN, 'daily.cvd': 'daily 2' });
  expect(await fetched('daily.cvd')).toBe('daily 2');
  expect(await fetched()).toBe(MAIN);
  expect(store.fetched).toEqual(['main.cvd']);
});

test('what the archive takes over is not fetched again either', async () => {
  await publish({ 'daily.cvd': 'daily 1' });
  await publish({ 'daily.cvd': 'daily 2', 'archive/daily-1.cvd': 'daily 1' });
  expect(await fetched('archive/daily-1.cvd')).toBe('daily 1');
  expect(store.fetched).toEqual([]);
});

test('what the manifest no longer names is removed, and nothing that is not ours', async () => {
  await publish({ 'main.cvd': MAIN, 'daily.cvd': 'daily 1' });
  await writeFile(join(copies, '.tmp-of-a-run-that-was-killed'), 'half');
  await writeFile(join(copies, 'notes.txt'), 'mine');
  await publish({ 'main.cvd': MAIN, 'daily.cvd': 'daily 2' });
  expect((await readdir(copies)).sort()).toEqual([sha256(MAIN), sha256('daily 2'), 'notes.txt'].sort());
});

test('what was put and not committed leaves no copy', async () => {
  await publish({ 'main.cvd': MAIN });
  {
    const cached = open();
    await using publication = await cached.begin((await cached.readManifest())?.tag);
    await writeFile(join(folder, 'daily'), 'daily 2');
    await publication.put('daily.cvd', join(folder, 'daily'), { sha256: sha256('daily 2') });
  }
  expect(await readdir(copies)).toEqual([sha256(MAIN)]);
});

describe('a copy that is not the file of the manifest is as good as none', () => {
  beforeEach(async () => {
    await publish({ 'main.cvd': MAIN });
    await rm(copyOf(MAIN));
  });
  const plants: Readonly<Record<string, () => Promise<void>>> = {
    'other bytes of the same size': () => writeFile(copyOf(MAIN), 'MAIN 1'),
    'a part of it': () => writeFile(copyOf(MAIN), 'main'),
    'more than it': () => writeFile(copyOf(MAIN), `${MAIN} and more`),
    'a genuine older one': async () => {
      await writeFile(copyOf('main 0'), 'main 0');
      await writeFile(copyOf(MAIN), 'main 0');
    },
    'a symbolic link to the right file': async () => {
      await writeFile(join(folder, 'elsewhere'), MAIN);
      await symlink(join(folder, 'elsewhere'), copyOf(MAIN));
    },
    'a folder': async () => {
      await mkdir(copyOf(MAIN));
    },
    'a file where the folder of copies should be': async () => {
      await rm(copies, { recursive: true });
      await writeFile(copies, 'in the way');
    },
  };
  test.each(Object.entries(plants))('%s', async (_, plant) => {
    await plant();
    expect(await fetched()).toBe(MAIN);
    expect(store.fetched).toEqual(['main.cvd']);
    expect(await readFile(join(folder, 'mirror', 'main.cvd'), 'utf8')).toBe(MAIN);
  });

  test('and makes room for the right one', async () => {
    await writeFile(copyOf(MAIN), 'MAIN 1');
    await fetched();
    expect(await readFile(copyOf(MAIN), 'utf8')).toBe(MAIN);
    await fetched();
    expect(store.fetched).toEqual(['main.cvd']);
  });
});

test('it is the manifest of now that counts, also when another machine has published', async () => {
  await publish({ 'main.cvd': MAIN });
  await publish({ 'main.cvd': 'main 2' }, store);
  expect(await fetched()).toBe('main 2');
});

test('without a manifest that names it, a file is the store’s to give', async () => {
  const cached = open();
  await mkdir(copies);
  await writeFile(copyOf(MAIN), MAIN);
  await expect(cached.fetch('main.cvd', join(folder, 'fetched'))).rejects.toMatchObject({
    code: 'store/missing',
  });
  await mkdir(store.where);
  await writeFile(join(store.where, 'manifest.json'), '<html>');
  await expect(cached.fetch('main.cvd', join(folder, 'fetched'))).rejects.toMatchObject({
    code: 'store/missing',
  });
});

test('what the store gives is handed on as it is, and kept only if it is what the manifest names', async () => {
  await publish({ 'main.cvd': MAIN }, store);
  await writeFile(join(store.where, 'main.cvd'), 'MAIN 1');
  expect(await fetched()).toBe('MAIN 1'); // for the caller to refuse
  expect(await readdir(copies)).toEqual([]);
});

test('copies are kept up to a limit', async () => {
  const cached = open(10);
  await publish({ 'main.cvd': MAIN, 'daily.cvd': 'daily 2', 'a.cvd': 'a' }, cached);
  const kept = await new Copies(copies).list();
  expect(kept.reduce((sum, { size }) => sum + size, 0)).toBeLessThanOrEqual(10);
  for (const [name, text] of [
    ['main.cvd', MAIN],
    ['daily.cvd', 'daily 2'],
    ['a.cvd', 'a'],
  ] as const) {
    expect(await fetched(name, cached)).toBe(text);
  }
});
