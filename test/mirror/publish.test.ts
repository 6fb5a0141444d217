import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { archiveName } from '../../scripts/cvd/names.ts';
import { Stage } from '../../scripts/files/stage.ts';
import type { ArchiveCopy } from '../../scripts/mirror/archive.ts';
import { encodeManifest, type Manifest } from '../../scripts/mirror/manifest.ts';
import { DNS_TXT, PROOF_JSON, PROOF_TXT, TIMESTAMP } from '../../scripts/mirror/pages.ts';
import { publish } from '../../scripts/mirror/publish.ts';
import { FolderStore, PRIVATE_FOLDER } from '../../scripts/store/folder.ts';
import { MANIFEST, type Publication, type Store, StoreError } from '../../scripts/store/store.ts';
import { databaseRecord, described, manifestOf, temporaryFolder } from '../store/support.ts';

const PAGES = [TIMESTAMP, DNS_TXT, PROOF_JSON, PROOF_TXT];
const WRITES = PAGES.map((name) => `write ${name}`);

/** A stage with these files, each holding its own name; those after `|` are in the store already. */
async function staged(folder: string, list: string): Promise<Stage> {
  const stage = await Stage.create(join(folder, 'run'));
  const [news = '', old = ''] = list.split('|');
  for (const [names, stored] of [
    [news, false],
    [old, true],
  ] as const) {
    for (const name of names.split(' ').filter((one) => one !== '')) {
      await writeFile(stage.incoming(name), name);
      await stage.accept({ name, ...described(name), stored });
    }
  }
  return stage;
}

const BUILT = '2026-01-01T06:00:00.000Z';
const manifest = (...names: string[]): Manifest =>
  manifestOf(
    { test: databaseRecord(6, { built: BUILT }) },
    Object.fromEntries(names.map((name) => [name, described(name)])),
  );

/** An earlier version of `test`, a file in this folder. */
function copyOf(folder: string, version: number): ArchiveCopy {
  const name = archiveName('test', version);
  const record = described(`test ${version}`);
  return {
    name,
    path: join(folder, `earlier-${version}`),
    database: 'test',
    version,
    built: BUILT,
    ...record,
  };
}

/** A store that writes down what it is told, in order; what `fails` names cannot be put. */
class RecordingStore implements Store {
  readonly where = 'memory';
  readonly sight = {
    trustedFor: 0,
    isFar: false,
    seals: async () => new Map(),
    hash: async () => undefined,
  };
  readonly told: string[] = [];
  readonly #fails: string | undefined;

  constructor(fails?: string) {
    this.#fails = fails;
  }

  async readManifest() {
    return undefined;
  }

  async list() {
    return new Map();
  }

  async fetch(name: string) {
    throw new StoreError('store/missing', name);
  }

  async readStart(name: string): Promise<Buffer> {
    throw new StoreError('store/missing', name);
  }

  async begin(tag: string | undefined): Promise<Publication> {
    const tell = async (...words: string[]) => {
      this.told.push(words.join(' '));
      if (this.#fails !== undefined && this.#fails === words[1])
        throw new StoreError('store/failed', 'the disk is full');
    };
    await tell('begin', tag ?? 'anew');
    return {
      put: (name) => tell('put', name),
      write: (name) => tell('write', name),
      commit: () => tell('commit'),
      remove: (name, record) =>
        tell('remove', name, ...(record === undefined ? [] : [JSON.stringify(record)])),
      [Symbol.asyncDispose]: () => tell('end'),
    };
  }
}

describe('the order of publication', () => {
  const next = {
    ...manifest(
      ...['test.cvd', 'test-5.cdiff', 'test-6.cdiff', 'test-6.cdiff.sign', 'test-6.cvd.sign'],
      'another.cvd',
    ),
    retired: ['test-4.cdiff', 'test-4.cdiff.sign', 'test-5.cvd.sign'],
  };
  const news = 'test.cvd another.cvd test-6.cvd.sign test-6.cdiff test-6.cdiff.sign | test-5.cdiff';

  test('is CDIFFs and .sign files, CVDs, the timestamp, the manifest, and removals at the end', async () => {
    const store = new RecordingStore();
    const stage = await staged(temporaryFolder(), news);
    await publish(store, 'tag', { stage, next });
    expect(store.told).toEqual([
      'begin tag',
      'put test-6.cdiff',
      'put test-6.cdiff.sign',
      'put test-6.cvd.sign',
      'put another.cvd',
      'put test.cvd',
      ...WRITES,
      'commit',
      'remove test-4.cdiff',
      'remove test-4.cdiff.sign',
      'remove test-5.cvd.sign',
      'end',
    ]);
  });

  test('leaves out what is in the stage and not in the manifest', async () => {
    const store = new RecordingStore();
    const stage = await staged(temporaryFolder(), 'test-2.cdiff test-6.cdiff');
    await publish(store, 'tag', { stage, next });
    expect(store.told.filter((line) => line.startsWith('put'))).toEqual(['put test-6.cdiff']);
  });

  test.each(['test-6.cdiff', 'test.cvd', TIMESTAMP])(
    'ends where %s cannot be put: the manifest does not move, and nothing is removed',
    async (name) => {
      const store = new RecordingStore(name);
      const stage = await staged(temporaryFolder(), news);
      await expect(publish(store, 'tag', { stage, next })).rejects.toMatchObject({
        code: 'store/failed',
      });
      expect(store.told.at(-2)).toContain(name);
      expect(store.told.at(-1)).toBe('end');
      expect(store.told.filter((line) => /^(commit|remove)/.test(line))).toEqual([]);
    },
  );

  test('has the archive between them: a CVD is safe there before it is replaced', async () => {
    const store = new RecordingStore();
    const stage = await staged(temporaryFolder(), 'test.cvd test-6.cdiff');
    const next = manifest('test.cvd', 'test-6.cdiff', 'archive/test-5.cvd');
    await publish(store, 'tag', { stage, archive: [copyOf('', 5)], next });
    expect(store.told.slice(1, 8)).toEqual([
      'put test-6.cdiff',
      'put archive/test-5.cvd',
      'put test.cvd',
      ...WRITES,
    ]);
  });

  test('removes of the archive what was published there, and of all else what is of this mirror', async () => {
    const store = new RecordingStore();
    const names = ['archive/test-3.cvd', 'archive/test-4.cvd', 'archive/local_x-4.cvd', 'local_x-4.cdiff'];
    const retiredFiles = Object.fromEntries(names.slice(1).map((name) => [name, described(name)]));
    const next = {
      ...manifest('test.cvd'),
      retired: [...names, 'test-2.cdiff', 'daily-2.cdiff'],
      retiredFiles,
    };
    await publish(store, 'tag', { stage: undefined, next });
    expect(store.told.filter((line) => line.startsWith('remove'))).toEqual([
      `remove archive/test-4.cvd ${JSON.stringify(described('archive/test-4.cvd'))}`,
      'remove test-2.cdiff',
    ]);
  });

  test('leaves out of the archive what the manifest does not name', async () => {
    const store = new RecordingStore();
    await publish(store, 'tag', { stage: undefined, archive: [copyOf('', 5)], next: manifest('test.cvd') });
    expect(store.told).toEqual(['begin tag', ...WRITES, 'commit', 'end']);
  });

  test('of a check without news is the timestamp and the manifest', async () => {
    const store = new RecordingStore();
    await publish(store, 'tag', { stage: undefined, next: manifest('test.cvd') });
    expect(store.told).toEqual(['begin tag', ...WRITES, 'commit', 'end']);
  });

  test('puts nothing that the store has already', async () => {
    const store = new RecordingStore();
    const stage = await staged(temporaryFolder(), '| test.cvd test-5.cdiff');
    await publish(store, undefined, { stage, next: { ...next, retired: [] } });
    expect(store.told).toEqual(['begin anew', ...WRITES, 'commit', 'end']);
  });
});

describe('in a folder', () => {
  let outside = '';
  let folder = '';
  beforeEach(async () => {
    outside = temporaryFolder();
    folder = join(outside, 'mirror');
    await mkdir(folder);
  });

  test('files that no manifest names are never touched', async () => {
    const mine = ['local_rules.cvd', 'local_rules.ndb', 'test-3.cdiff', 'index.html', 'robots.txt'];
    for (const name of mine) await writeFile(join(folder, name), 'mine');
    const store = new FolderStore(folder);
    const first = manifest('test.cvd', 'test-5.cdiff');
    const stage = await staged(outside, 'test.cvd test-5.cdiff');
    await publish(store, undefined, { stage, next: first });
    const tag = (await store.readManifest())?.tag;
    await publish(store, tag, {
      stage: undefined,
      next: { ...manifest('test.cvd'), retired: ['test-5.cdiff'] },
    });
    const names = [...mine, ...PAGES, MANIFEST, PRIVATE_FOLDER, 'test.cvd'].sort();
    expect((await readdir(folder)).sort()).toEqual(names.sort());
    for (const name of mine) expect(await readFile(join(folder, name), 'utf8')).toBe('mine');
  });

  test('a CVD has the time of its build, so that no client takes it for old', async () => {
    const stage = await staged(outside, 'test.cvd test-6.cdiff');
    const next = manifest('test.cvd', 'test-6.cdiff');
    const { mtime: made } = await stat(stage.path('test-6.cdiff'));
    await publish(new FolderStore(folder), undefined, { stage, next });
    expect((await stat(join(folder, 'test.cvd'))).mtime).toEqual(new Date(BUILT));
    expect((await stat(join(folder, 'test-6.cdiff'))).mtime >= made).toBe(true);
  });

  test('so has one in the archive', async () => {
    const copy = copyOf(outside, 5);
    await writeFile(copy.path, 'test 5');
    const next = manifest(copy.name);
    await publish(new FolderStore(folder), undefined, { stage: undefined, archive: [copy], next });
    expect(await readFile(join(folder, copy.name), 'utf8')).toBe('test 5');
    expect((await stat(join(folder, copy.name))).mtime).toEqual(new Date(BUILT));
  });

  test('the timestamp and the manifest say when', async () => {
    const next = manifest();
    await publish(new FolderStore(folder), undefined, { stage: undefined, next });
    expect(await readFile(join(folder, TIMESTAMP), 'utf8')).toBe(`1780315200 ${next.checked}\n`);
    expect(await readFile(join(folder, MANIFEST), 'utf8')).toBe(encodeManifest(next));
  });

  test('defect 11: what has changed since it was proven is not published', async () => {
    const stage = await staged(outside, 'test.cvd test-6.cdiff');
    await writeFile(stage.path('test.cvd'), 'something else');
    const next = manifest('test.cvd', 'test-6.cdiff');
    const store = new FolderStore(folder);
    await expect(publish(store, undefined, { stage, next })).rejects.toMatchObject({
      code: 'file/changed',
    });
    expect(await store.readManifest()).toBeUndefined();
    expect((await store.list()).has('test.cvd')).toBe(false);
  });

  test('a publication that is late publishes nothing', async () => {
    const store = new FolderStore(folder);
    const late = publish(store, 'the tag of an older manifest', {
      stage: await staged(outside, 'test.cvd'),
      next: manifest('test.cvd'),
    });
    await expect(late).rejects.toMatchObject({ code: 'store/conflict' });
    expect((await store.list()).size).toBe(0);
  });
});
