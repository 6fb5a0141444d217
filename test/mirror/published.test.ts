import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { archiveName } from '../../scripts/cvd/names.ts';
import { encodeManifest } from '../../scripts/mirror/manifest.ts';
import { filesOf, readPublished } from '../../scripts/mirror/published.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { MANIFEST } from '../../scripts/store/store.ts';
import { databaseRecord, described, manifestOf, temporaryFolder } from '../store/support.ts';

const FILES = ['daily.cvd', 'test.cvd', 'test-6.cdiff', 'test-6.cdiff.sign', 'test-6.cvd.sign'];
const MANIFESTED = manifestOf(
  { test: databaseRecord(6), daily: databaseRecord(28001) },
  Object.fromEntries(FILES.map((name) => [name, described(name)])),
);

let folder = '';
beforeEach(async () => {
  folder = join(temporaryFolder(), 'mirror');
  await mkdir(folder);
  for (const name of FILES) await writeFile(join(folder, name), name);
  await writeFile(join(folder, MANIFEST), encodeManifest(MANIFESTED));
});

const read = async () => await readPublished(new FolderStore(folder));

test('what is published is what the manifest says', async () => {
  const { manifest, tag, databases, damaged } = await read();
  expect(manifest).toEqual(MANIFESTED);
  expect(tag).toEqual(expect.any(String));
  expect([...databases]).toEqual(Object.entries(MANIFESTED.databases));
  expect(damaged).toEqual([]);
});

test('files that the manifest does not name are nobody’s business', async () => {
  await writeFile(join(folder, 'local_rules.cvd'), 'mine');
  await writeFile(join(folder, 'test-7.cdiff'), 'half published');
  expect((await read()).damaged).toEqual([]);
});

test('without a manifest nothing is published, whatever lies there', async () => {
  await rm(join(folder, MANIFEST));
  expect(await read()).toMatchObject({
    manifest: undefined,
    tag: undefined,
    databases: new Map(),
    damaged: [],
  });
});

test('a manifest that cannot be understood is an error, not an empty mirror', async () => {
  await writeFile(join(folder, MANIFEST), '{}');
  await expect(read()).rejects.toMatchObject({ code: 'store/manifest' });
});

describe('a database is not damaged by its archive', () => {
  const ARCHIVED = archiveName('test', 5);
  const manifested = (size: number) =>
    encodeManifest({
      ...MANIFESTED,
      files: { ...MANIFESTED.files, [ARCHIVED]: { ...described(''), size } },
    });

  test('if a file of it is missing', async () => {
    await writeFile(join(folder, MANIFEST), manifested(5));
    const { databases, damaged, listing } = await read();
    expect(damaged).toEqual([]);
    expect([...databases.keys()]).toEqual(Object.keys(MANIFESTED.databases));
    expect(listing.has(ARCHIVED)).toBe(false);
  });

  test('if a file of it has another size, which the listing tells', async () => {
    await writeFile(join(folder, MANIFEST), manifested(5));
    await mkdir(join(folder, 'archive'));
    await writeFile(join(folder, ARCHIVED), 'another size');
    const { damaged, listing } = await read();
    expect(damaged).toEqual([]);
    expect(listing.get(ARCHIVED)).toBe('another size'.length);
  });
});

describe('a database is damaged, and the others are not', () => {
  const needed = FILES.slice(1).filter((name) => !name.endsWith('.sign'));

  test.each(needed)('if %s is missing', async (name) => {
    await rm(join(folder, name));
    const { databases, damaged } = await read();
    expect(damaged).toEqual(['test']);
    expect([...databases.keys()]).toEqual(['daily']);
  });

  test.each(needed)('if %s has another size', async (name) => {
    await writeFile(join(folder, name), 'another size altogether');
    expect((await read()).damaged).toEqual(['test']);
  });

  test('if the manifest does not name its CVD', async () => {
    const { 'test.cvd': _, ...files } = MANIFESTED.files;
    await writeFile(join(folder, MANIFEST), encodeManifest({ ...MANIFESTED, files }));
    expect((await read()).damaged).toEqual(['test']);
  });

  test('if the manifest names none of its files', async () => {
    const files = { 'daily.cvd': described('daily.cvd') };
    await writeFile(join(folder, MANIFEST), encodeManifest({ ...MANIFESTED, files }));
    expect((await read()).damaged).toEqual(['test']);
  });
});

describe('a database without one of its .sign files is none the worse', () => {
  test.each(FILES.filter((name) => name.endsWith('.sign')))('as without %s, which is told', async (name) => {
    await rm(join(folder, name));
    expect(await read()).toMatchObject({ damaged: [], lostSigns: [name] });
    await writeFile(join(folder, name), 'another size altogether');
    expect(await read()).toMatchObject({ damaged: [], lostSigns: [name] });
  });
});

test('the files of a database are those with its name, without its archive', () => {
  const names = [
    'archive/test-5.cvd',
    'test.cvd',
    'test-6.cdiff',
    'test-6.cdiff.sign',
    'test_2.cvd',
    'testing.cvd',
    'timestamp',
  ];
  const manifest = manifestOf({}, Object.fromEntries(names.map((name) => [name, described(name)])));
  expect(filesOf(manifest, 'test')).toEqual(['test.cvd', 'test-6.cdiff', 'test-6.cdiff.sign']);
  expect(filesOf(undefined, 'test')).toEqual([]);
});
