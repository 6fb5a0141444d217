import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Log } from '../../../scripts/base/log.ts';
import { moveForeign } from '../../../scripts/mirror/foreign/move-foreign.ts';
import { encodeManifest } from '../../../scripts/mirror/manifest.ts';
import { readPublished } from '../../../scripts/mirror/published.ts';
import { FolderStore, PRIVATE_FOLDER } from '../../../scripts/store/folder.ts';
import type { Store } from '../../../scripts/store/store.ts';
import { databaseRecord, described, manifestOf, temporaryFolder } from '../../store/support.ts';

const ASIDE = join(PRIVATE_FOLDER, 'set-aside');
const OURS = ['manifest.json', 'test-6.cdiff', 'test.cvd'];

let folder = '';
let store: FolderStore;
let said: string[] = [];
const log: Log = {
  info: (line) => void said.push(`info: ${line}`),
  warn: (line) => void said.push(`warning: ${line}`),
  progress: () => {},
};

beforeEach(async () => {
  folder = join(temporaryFolder(), 'mirror');
  store = new FolderStore(folder);
  said = [];
  await mkdir(folder);
});

/** Publishes version 6 of database `test` by hand. */
async function publish(): Promise<void> {
  const files = { 'test.cvd': described('six'), 'test-6.cdiff': described('step') };
  const manifest = manifestOf({ test: databaseRecord(6, described('six')) }, files);
  await put({ 'test.cvd': 'six', 'test-6.cdiff': 'step', 'manifest.json': encodeManifest(manifest) });
}

async function put(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

async function tidy({ isDry = false, of = store }: { isDry?: boolean; of?: Store } = {}): Promise<void> {
  await moveForeign(of, await readPublished(of), { log, isDry });
}

const names = async (below = '.') =>
  (await readdir(join(folder, below))).filter((name) => !name.startsWith('.')).sort();

describe('a file that clients would take for a database, and that the manifest does not name', () => {
  test('is set aside with one warning, and everything else stays', async () => {
    await publish();
    const others = { 'index.html': 'a', 'local_x.cld': 'b', 'rules.ndb': 'c', 'test-7.cdiff': 'coming' };
    await put({ ...others, 'test.cld': 'five', 'main.cvd': 'main', 'test-3.cdiff': 'old' });
    await mkdir(join(folder, 'daily.cld'));
    await symlink('/etc/passwd', join(folder, 'bytecode.cld'));
    await tidy();
    expect(await names()).toEqual([...OURS, ...Object.keys(others), 'daily.cld'].sort());
    expect(await names(ASIDE)).toEqual(['bytecode.cld', 'main.cvd', 'test-3.cdiff', 'test.cld']);
    expect(await readFile(join(folder, ASIDE, 'test.cld'), 'utf8')).toBe('five');
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/^warning: set aside bytecode\.cld, main\.cvd, test-3\.cdiff, test\.cld/);
    expect(said[0]).toContain(join(folder, ASIDE));
    said = [];
    await tidy();
    expect(said).toEqual([]);
  });

  test('is never lost, however often one of its name comes', async () => {
    await publish();
    for (const text of ['one', 'two', 'three']) {
      await put({ 'test.cld': text });
      await tidy();
    }
    const found = (await names(ASIDE)).map((name) => readFile(join(folder, ASIDE, name), 'utf8'));
    expect((await Promise.all(found)).sort()).toEqual(['one', 'three', 'two']);
    await using _publication = await store.begin((await store.readManifest())?.tag); // removes what a killed run left
    expect(await names(ASIDE)).toHaveLength(3);
  });

  test('stays where it is while nothing was published there, for the folder may be another one’s', async () => {
    await put({ 'main.cld': 'of a freshclam', 'daily.cvd': 'of a freshclam' });
    await tidy();
    expect([await names(), said]).toEqual([['daily.cvd', 'main.cld'], []]);
    expect(await readdir(folder)).not.toContain(PRIVATE_FOLDER);
  });

  test('stays where it is in a dry run, and is spoken of', async () => {
    await publish();
    await put({ 'test.cld': 'five' });
    await tidy({ isDry: true });
    expect(await names()).toContain('test.cld');
    expect(said).toEqual([expect.stringContaining('test.cld')]);
  });

  test('stays where it is while another run publishes, and the run goes on', async () => {
    await publish();
    await put({ 'test.cld': 'five' });
    await using _publication = await store.begin((await store.readManifest())?.tag);
    await tidy();
    expect(await names()).toContain('test.cld');
    expect(said).toEqual([expect.stringContaining('warning: ')]);
  });

  test('stays where it is in a store that never touches what is not ours, and is spoken of', async () => {
    await publish();
    await put({ 'test.cld': 'five' });
    const { where, sight } = store;
    const bucket: Store = {
      where,
      sight,
      readManifest: () => store.readManifest(),
      list: () => store.list(),
      readStart: (name, length) => store.readStart(name, length),
      fetch: (name, path) => store.fetch(name, path),
      begin: (tag) => store.begin(tag),
    };
    await tidy({ of: bucket });
    expect(await names()).toContain('test.cld');
    expect(said).toEqual([expect.stringMatching(/^warning: foreign files in .*: test\.cld\. /)]);
  });
});

test('files of ours that an earlier version made under a narrow umask are opened to all, and no others', async () => {
  const before = process.umask(0o077);
  onTestFinished(() => void process.umask(before));
  await publish();
  await put({ 'local_secret.txt': 'mine' });
  await chmod(join(folder, 'test-6.cdiff'), 0o640);
  await tidy();
  const rights = async (name: string) => (await stat(join(folder, name))).mode & 0o777;
  for (const name of OURS) expect(await rights(name), name).toBe(0o644);
  expect(await rights('local_secret.txt')).toBe(0o600);
  expect(said).toEqual([expect.stringContaining('info: made 3 published files readable')]);
});
