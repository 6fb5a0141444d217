import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rename,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { encodeHeader, HEADER_SIZE } from '../../scripts/cvd/header.ts';
import { FolderStore, PRIVATE_FOLDER } from '../../scripts/store/folder.ts';
import type { Publication } from '../../scripts/store/store.ts';
import { MANIFEST } from '../../scripts/store/store.ts';
import { makeHeader, makeTestKeys } from '../support/databases/signing.ts';
import { sha256, temporaryFolder } from './support.ts';

let outside = '';
let folder = '';
let store: FolderStore;
beforeEach(() => {
  outside = temporaryFolder();
  folder = join(outside, 'mirror');
  store = new FolderStore(folder);
});

const BYTES = Buffer.alloc(600_000, 'a CVD ');

/** A CVD of so many bytes whose header has the MD5 of its other bytes, the last of which are then changed. */
function wholeCvd(size: number, words: string, changed = 0): Buffer {
  const body = Buffer.alloc(size - HEADER_SIZE, words);
  const md5 = createHash('md5').update(body).digest('hex');
  body.fill('?', body.length - changed);
  return Buffer.concat([
    encodeHeader({ ...makeHeader('test', 5), md5, dsig: makeTestKeys().signHeader(md5) }),
    body,
  ]);
}

/** A file outside of the store. */
async function source(bytes: Uint8Array | string = BYTES): Promise<string> {
  const path = join(outside, 'source');
  await writeFile(path, bytes);
  return path;
}

/** Publishes this text as the manifest. */
async function commit(text: string): Promise<void> {
  await using publication = await store.begin((await store.readManifest())?.tag);
  await publication.commit(text);
}

describe('a store where nothing was ever published', () => {
  test.each(['is not there', 'is empty'])('is a folder that %s', async (state) => {
    if (state === 'is empty') await mkdir(folder);
    expect(await store.readManifest()).toBeUndefined();
    expect([...(await store.list())]).toEqual([]);
    await expect(store.fetch('test.cvd', join(outside, 'copy'))).rejects.toMatchObject({
      code: 'store/missing',
    });
  });
});

describe('defect 14: a store that cannot be read is not an empty one', () => {
  const UNREADABLE = { code: 'store/unreadable' };

  test('if there is a file where its folder should be', async () => {
    await writeFile(folder, '');
    await expect(store.readManifest()).rejects.toMatchObject(UNREADABLE);
    await expect(store.list()).rejects.toMatchObject(UNREADABLE);
  });

  test('if its manifest cannot be read', async () => {
    await mkdir(join(folder, MANIFEST), { recursive: true });
    await expect(store.readManifest()).rejects.toMatchObject(UNREADABLE);
    await expect(store.begin(undefined)).rejects.toMatchObject(UNREADABLE);
  });

  test('if its folder leads nowhere', async () => {
    await symlink(folder, folder);
    await expect(store.readManifest()).rejects.toMatchObject(UNREADABLE);
    await expect(store.list()).rejects.toMatchObject(UNREADABLE);
  });
});

describe('a publication', () => {
  test('gives a file the time it is told', async () => {
    const mtime = new Date('2025-09-01T12:00:00Z');
    await using publication = await store.begin(undefined);
    await publication.put('test.cvd', await source(), { sha256: sha256(BYTES), mtime });
    await publication.commit('{}');
    expect((await stat(join(folder, 'test.cvd'))).mtime).toEqual(mtime);
  });

  test('defect 3: shows files when all of them are there, and not before', async () => {
    const pipe = join(outside, 'pipe');
    spawnSync('mkfifo', [pipe]);
    await using publication = await store.begin(undefined);
    const put = publication.put('test.cvd', pipe, { sha256: sha256(BYTES) });
    const temporary = async () =>
      (await readdir(join(folder, PRIVATE_FOLDER))).filter((name) => name !== 'lock');
    await vi.waitUntil(async () => (await temporary()).length === 1, { timeout: 30_000 });
    expect((await store.list()).size).toBe(0);
    expect(await readdir(folder)).toEqual([PRIVATE_FOLDER]);
    await writeFile(pipe, BYTES);
    await put;
    expect((await store.list()).size).toBe(0);
    await publication.commit('{}');
    expect([...(await store.list()).keys()].sort()).toEqual([MANIFEST, 'test.cvd']);
    expect(await temporary()).toEqual([]);
  });

  test('lets whoever reads the old file read it to its end', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'test.cvd'), BYTES);
    const reader = createReadStream(join(folder, 'test.cvd'), { highWaterMark: 1000 })[
      Symbol.asyncIterator
    ]();
    const read = [(await reader.next()).value];
    await using publication = await store.begin(undefined);
    await publication.put('test.cvd', await source('new'), { sha256: sha256('new') });
    await publication.commit('{}');
    for await (const chunk of reader) read.push(chunk);
    expect(Buffer.concat(read).equals(BYTES)).toBe(true);
    expect(await readFile(join(folder, 'test.cvd'), 'utf8')).toBe('new');
  });

  test.each([
    ...['', '.', '..', '../up', '/etc/passwd', 'a/b', 'a/', '.hidden', `${PRIVATE_FOLDER}/lock`],
    ...['archive/', 'archive/..', 'archive/../test-5.cvd', 'archive/test.cvd', 'archive/test-5.cdiff'],
    ...['archive/.test-5.cvd', 'archive/archive/test-5.cvd', '/archive/test-5.cvd', 'other/test-5.cvd'],
  ])('takes no file by the name of "%s"', async (name) => {
    await using publication = await store.begin(undefined);
    const path = await source();
    await expect(publication.put(name, path, { sha256: sha256(BYTES) })).rejects.toThrow(RangeError);
    await expect(publication.write(name, 'text')).rejects.toThrow(RangeError);
    await expect(publication.remove(name)).rejects.toThrow(RangeError);
  });

  test('removes what a run that was killed left behind, and nothing else', async () => {
    await mkdir(join(folder, PRIVATE_FOLDER), { recursive: true });
    for (const name of ['.tmp-1', '.tmp-2', 'notes']) await writeFile(join(folder, PRIVATE_FOLDER, name), '');
    await writeFile(join(folder, '.tmp-of-somebody-else'), '');
    await using _publication = await store.begin(undefined);
    expect((await readdir(join(folder, PRIVATE_FOLDER))).sort()).toEqual(['lock', 'notes']);
    expect((await readdir(folder)).sort()).toEqual([PRIVATE_FOLDER, '.tmp-of-somebody-else']);
  });
});

describe('what is published under a umask of', () => {
  const rights = async (name: string) => ((await stat(join(folder, name))).mode & 0o7777).toString(8);
  const publish = async () => {
    const path = await source();
    await using publication = await store.begin(undefined);
    for (const name of ['test.cvd', 'archive/test-5.cvd'])
      await publication.put(name, path, { sha256: sha256(BYTES) });
    await publication.write('timestamp', 'now');
    await publication.commit('{}');
  };

  test.each(['000', '022', '027', '077'])(
    '%s can be read by everybody, and changed by us alone',
    async (umask) => {
      folder = join(outside, 'deeper', 'mirror');
      store = new FolderStore(folder);
      const before = process.umask(Number.parseInt(umask, 8));
      onTestFinished(() => void process.umask(before));
      await publish();
      for (const name of ['test.cvd', 'archive/test-5.cvd', 'timestamp', MANIFEST])
        expect(await rights(name), name).toBe('644');
      for (const name of ['..', '.', 'archive']) expect(await rights(name), name).toBe('755');
      for (const name of [PRIVATE_FOLDER]) expect(await rights(name), name).toBe('700');
    },
  );

  test('077 in a folder that was there leaves that as it is, and says that others cannot enter it', async () => {
    await mkdir(join(folder, 'archive'), { recursive: true });
    expect(await store.describeAccess()).toEqual([]);
    await chmod(folder, 0o700);
    await chmod(join(folder, 'archive'), 0o711);
    const before = process.umask(0o077);
    onTestFinished(() => void process.umask(before));
    await publish();
    expect(await Promise.all(['.', 'archive', 'test.cvd'].map(rights))).toEqual(['700', '711', '644']);
    expect(await store.describeAccess()).toEqual([expect.stringContaining(folder)]);
  });

  test('027 in a folder that a group may enter is nothing to speak of', async () => {
    await mkdir(folder);
    await chown(folder, process.getuid?.() ?? 0, 65_534).catch(() => chown(folder, -1, -1)); // nogroup
    await chmod(folder, 0o2750);
    await publish();
    expect(await rights('.')).toBe('2750');
    if ((await stat(folder)).gid === 65_534) expect(await store.describeAccess()).toEqual([]);
  });
});

describe('a file', () => {
  beforeEach(async () => await mkdir(folder));

  test('of more bytes than are wanted is copied nowhere', async () => {
    await writeFile(join(folder, 'test.cvd'), BYTES);
    const copy = join(outside, 'copy');
    await expect(store.fetch('test.cvd', copy, BYTES.length - 1)).rejects.toMatchObject({
      code: 'store/limit',
    });
    expect(existsSync(copy)).toBe(false);
    await store.fetch('test.cvd', copy, BYTES.length);
    expect((await readFile(copy)).equals(BYTES)).toBe(true);
  });

  test('without an end, for it takes no room, is copied nowhere', async () => {
    await writeFile(join(folder, 'test.cvd'), '');
    await truncate(join(folder, 'test.cvd'), 2 ** 40);
    await expect(store.fetch('test.cvd', join(outside, 'copy'))).rejects.toMatchObject({
      code: 'store/limit',
    });
  });
});

describe('the archive', () => {
  const ARCHIVED = 'archive/test-5.cvd';
  const put = async (publication: Publication) =>
    await publication.put(ARCHIVED, await source(), { sha256: sha256(BYTES) });

  test('is a folder, made when it is needed', async () => {
    await commit('{}');
    expect(await readdir(folder)).not.toContain('archive');
    await using publication = await store.begin(sha256('{}'));
    await put(publication);
    await publication.commit('{}');
    expect(await readdir(join(folder, 'archive'))).toEqual(['test-5.cvd']);
    expect([...(await store.list())].sort()).toEqual([
      [ARCHIVED, BYTES.length],
      [MANIFEST, 2],
    ]);
    await store.fetch(ARCHIVED, join(outside, 'copy'));
    expect((await readFile(join(outside, 'copy'))).equals(BYTES)).toBe(true);
  });

  test('and a file at the top of the same version do not get in each other’s way', async () => {
    await using publication = await store.begin(undefined);
    await put(publication);
    await publication.put('test-5.cvd', await source('another'), { sha256: sha256('another') });
    await publication.commit('{}');
    expect(await readFile(join(folder, 'test-5.cvd'), 'utf8')).toBe('another');
    expect((await readFile(join(folder, ARCHIVED))).equals(BYTES)).toBe(true);
  });

  test('loses the files that are removed, and stays as an empty folder', async () => {
    await using publication = await store.begin(undefined);
    await put(publication);
    await publication.commit('{}');
    await publication.remove(ARCHIVED);
    await publication.remove('archive/test-4.cvd');
    expect((await store.list()).has(ARCHIVED)).toBe(false);
    expect(await readdir(join(folder, 'archive'))).toEqual([]);
  });

  test.each([
    ['the very file that was published', BYTES, true],
    ['what damage made of it', Buffer.concat([Buffer.from('x'), BYTES.subarray(1)]), true],
    ['the beginning of it', BYTES.subarray(0, 1000), true],
    ['a whole CVD of another size', wholeCvd(1000, 'mine'), false],
    ['another whole CVD of the same size', wholeCvd(BYTES.length, 'mine'), false],
    ['another one that is damaged', wholeCvd(BYTES.length, 'ours', 1), true],
  ])('by the record of a file loses or keeps %s', async (_, found, isRemoved) => {
    await mkdir(join(folder, 'archive'), { recursive: true });
    await writeFile(join(folder, ARCHIVED), found);
    await using publication = await store.begin(undefined);
    await publication.commit('{}');
    await publication.remove(ARCHIVED, { size: BYTES.length, sha256: sha256(BYTES) });
    expect((await store.list()).has(ARCHIVED)).toBe(!isRemoved);
  });

  test('of which nothing was committed is empty, and nothing waits for it', async () => {
    {
      await using publication = await store.begin(undefined);
      await put(publication);
    }
    expect(await readdir(join(folder, PRIVATE_FOLDER))).toEqual(['lock']);
    expect((await store.list()).size).toBe(0);
  });

  test('that cannot be made ends a publication before anything of it is seen', async () => {
    await mkdir(folder);
    await writeFile(join(folder, 'archive'), 'mine');
    await using publication = await store.begin(undefined);
    await publication.put('test.cvd', await source(), { sha256: sha256(BYTES) });
    await expect(put(publication)).rejects.toMatchObject({ code: 'EEXIST' });
    expect([...(await store.list()).keys()]).toEqual(['archive']);
  });

  test('is the only folder whose files are listed', async () => {
    for (const name of ['other', 'archive/deeper']) {
      await mkdir(join(folder, name), { recursive: true });
      await writeFile(join(folder, name, 'test-5.cvd'), '');
    }
    expect([...(await store.list())]).toEqual([]);
  });

  test('that cannot be read is not an empty one', async () => {
    await mkdir(folder);
    await symlink('archive', join(folder, 'archive'));
    await expect(store.list()).rejects.toMatchObject({ code: 'store/unreadable' });
  });
});

test('the tag of a manifest is another one, unless it is the same manifest', async () => {
  const tags: (string | undefined)[] = [];
  for (const text of ['a', 'b', 'a']) {
    await commit(text);
    tags.push((await store.readManifest())?.tag);
  }
  expect(new Set(tags).size).toBe(2);
  expect(tags[0]).toBe(tags[2]);
});

test('files that come and go do not hide others from a listing', async () => {
  await mkdir(folder);
  const names = [...Array(20)].map((_, at) => `stays-${at}`);
  for (const name of names) await writeFile(join(folder, name), 'x');
  await writeFile(join(folder, 'comes'), '');
  for (let count = 0; count < 50; count++) {
    const [from, to] = count % 2 === 0 ? ['comes', 'goes'] : ['goes', 'comes'];
    const [listing] = await Promise.all([store.list(), rename(join(folder, from), join(folder, to))]);
    expect(names.filter((name) => !listing.has(name))).toEqual([]);
  }
});
