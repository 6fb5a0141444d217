import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { readPublished } from '../../scripts/mirror/published.ts';
import { PRIVATE_FOLDER } from '../../scripts/store/file-name.ts';
import type { Publication, Store } from '../../scripts/store/store.ts';
import { MANIFEST } from '../../scripts/store/store.ts';
import { sha256, temporaryFolder } from './support.ts';

/** A place where nothing was ever published, and how it looks from outside. */
export interface Place {
  /** A store at this place; another one each time, as by another process. */
  open(): Store;
  /** Puts somebody's own file there. */
  plant(name: string, text: string): Promise<void>;
  read(name: string): Promise<Buffer | undefined>;
  /** Names of all files, those in our corner included; not the lock that a folder keeps. */
  names(): Promise<string[]>;
}

/** Larger than what is sent in one piece. */
const BYTES = Buffer.alloc(9_000_000, 'a CVD ');
const ARCHIVED = 'archive/test-5.cvd';

/** What every store promises (scripts/store/store.ts), for a place that is new for each test. */
export function testContract(newPlace: () => Promise<Place>): void {
  let place: Place;
  let store: Store;
  let outside = '';
  beforeEach(async () => {
    outside = temporaryFolder();
    place = await newPlace();
    store = place.open();
  });

  let sources = 0;
  /** A file outside of the store, new each time: a publication may still be reading the ones before. */
  const source = async (bytes: Uint8Array | string = BYTES): Promise<string> => {
    const path = join(outside, `source-${sources++}`);
    await writeFile(path, bytes);
    return path;
  };
  const put = async (publication: Publication, name: string, bytes: Uint8Array | string = BYTES) =>
    await publication.put(name, await source(bytes), { sha256: sha256(bytes) });
  /** Publishes one file, which is told to have this hash. */
  const publishAs = async (hash: string, bytes: Uint8Array | string) => {
    await using publication = await store.begin((await store.readManifest())?.tag);
    await publication.put('test.cvd', await source(bytes), { sha256: hash });
    await publication.commit('of a file that has changed');
  };
  const commit = async (text: string): Promise<void> => {
    await using publication = await store.begin((await store.readManifest())?.tag);
    await publication.commit(text);
  };

  test('a store where nothing was ever published is empty', async () => {
    expect(await store.readManifest()).toBeUndefined();
    expect([...(await store.list())]).toEqual([]);
    const missing = { code: 'store/missing' };
    await expect(store.fetch('test.cvd', join(outside, 'copy'))).rejects.toMatchObject(missing);
    await expect(store.readStart('test.cvd', 512)).rejects.toMatchObject(missing);
  });

  describe('a publication', () => {
    test('puts files, writes texts, commits the manifest and removes', async () => {
      await using publication = await store.begin(undefined);
      await put(publication, 'test.cvd');
      await put(publication, 'test-6.cdiff', '');
      await put(publication, ARCHIVED, 'an older one');
      await publication.write('timestamp', '1\n');
      await publication.write('old', 'old');
      await publication.commit('{}');
      await publication.remove('old');
      await publication.remove('never-there');
      expect([...(await store.list())].sort()).toEqual([
        [ARCHIVED, 12],
        [MANIFEST, 2],
        ['test-6.cdiff', 0],
        ['test.cvd', BYTES.length],
        ['timestamp', 2],
      ]);
      await store.fetch('test.cvd', join(outside, 'copy'));
      expect((await readFile(join(outside, 'copy'))).equals(BYTES)).toBe(true);
      expect((await store.readStart('test.cvd', 512)).equals(BYTES.subarray(0, 512))).toBe(true);
      expect(await store.readStart(ARCHIVED, 512)).toEqual(Buffer.from('an older one'));
      expect(await place.read(ARCHIVED)).toEqual(Buffer.from('an older one'));
      expect(await store.readManifest()).toEqual({ text: '{}', tag: expect.any(String) });
    });

    test('leaves a text as it is that is there already, but for the last of several', async () => {
      const publishTexts = async (...texts: readonly string[]) => {
        await using publication = await store.begin((await store.readManifest())?.tag);
        for (const text of texts) await publication.write('feed.xml', text);
        await publication.commit(`after ${texts}`);
      };
      const sealAfter = async (...texts: readonly string[]) => {
        await publishTexts(...texts);
        return (await place.open().sight.seals()).get('feed.xml');
      };
      const first = await sealAfter('one');
      await wait(1100); // a bucket tells times in seconds
      expect(await sealAfter('one')).toBe(first);
      expect(await sealAfter('two')).not.toBe(first);
      await publishTexts('one', 'two');
      expect(await place.read('feed.xml')).toEqual(Buffer.from('two'));
      await publishTexts('one', 'two', 'one');
      expect(await place.read('feed.xml')).toEqual(Buffer.from('one'));
    });

    test('shows nothing before it commits', async () => {
      await commit('{}');
      await using publication = await store.begin((await store.readManifest())?.tag);
      await put(publication, 'test.cvd');
      await put(publication, ARCHIVED);
      await publication.write('timestamp', '1\n');
      expect([...(await store.list()).keys()]).toEqual([MANIFEST]);
      expect((await place.names()).filter((name) => !name.startsWith(`${PRIVATE_FOLDER}/`))).toEqual([
        MANIFEST,
      ]);
      await publication.commit('{"all":"there"}');
      expect((await store.list()).size).toBe(4);
    });

    test('that does not commit leaves nothing', async () => {
      {
        await using publication = await store.begin(undefined);
        await put(publication, 'test.cvd');
        await publication.write('timestamp', '1\n');
      }
      expect(await place.names()).toEqual([]);
      await commit('{}');
      expect(await place.names()).toEqual([MANIFEST]);
    });

    test('defect 11: refuses a file that has changed since it was proven, however large', async () => {
      for (const bytes of ['small', BYTES]) {
        const end = publishAs(sha256('what was proven'), bytes);
        await expect(end).rejects.toMatchObject({ code: 'file/changed' });
        expect(await place.names()).toEqual([]);
      }
    });

    test('refuses a file that has changed, even if the store has what was proven', async () => {
      {
        await using publication = await store.begin(undefined);
        await put(publication, 'test.cvd', 'proven');
        await publication.commit('{}');
      }
      const end = publishAs(sha256('proven'), 'PROVEN');
      await expect(end).rejects.toMatchObject({ code: 'file/changed' });
      expect(await place.read('test.cvd')).toEqual(Buffer.from('proven'));
      expect(await place.read(MANIFEST)).toEqual(Buffer.from('{}'));
    });

    test('replaces a file, and moves the one before into the archive', async () => {
      for (const [version, before] of [
        ['six', undefined],
        ['7th', 'six'],
      ] as const) {
        await using publication = await store.begin((await store.readManifest())?.tag);
        if (before !== undefined) await put(publication, ARCHIVED, before);
        await put(publication, 'test.cvd', version);
        await publication.commit(version);
      }
      expect(await place.read(ARCHIVED)).toEqual(Buffer.from('six'));
      expect(await place.read('test.cvd')).toEqual(Buffer.from('7th'));
    });

    test('keeps lists of changes in their folder, lists them, and removes them by their names', async () => {
      const names = ['changes/test-5.json', 'changes/test.json', 'changes/test.names.json'];
      await place.plant('changes/notes.txt', 'mine');
      await using publication = await store.begin(undefined);
      for (const name of names) await publication.write(name, `{"name":"${name}"}`);
      await put(publication, ARCHIVED, 'five');
      await publication.commit('{}');
      const listed = [...(await store.list()).keys()].filter((name) => name.startsWith('changes/'));
      expect(listed.sort()).toEqual(['changes/notes.txt', ...names].sort());
      for (const name of names) {
        expect((await store.readStart(name, 9)).toString()).toBe('{"name":"');
        await publication.remove(name);
      }
      const left = [...(await store.list()).keys()].filter((name) => name.includes('/'));
      expect(left.sort()).toEqual([ARCHIVED, 'changes/notes.txt'].sort());
    });

    test('takes the last of several files of one name', async () => {
      await using publication = await store.begin(undefined);
      await put(publication, 'test.cvd', 'first');
      await put(publication, 'test.cvd', 'second');
      await publication.commit('{}');
      expect(await place.read('test.cvd')).toEqual(Buffer.from('second'));
    });

    test('takes no file by a name that leads elsewhere', async () => {
      await using publication = await store.begin(undefined);
      const path = await source('');
      for (const name of [
        '',
        '..',
        '../up',
        '/etc/passwd',
        'a/b',
        '.hidden',
        `${PRIVATE_FOLDER}/lock`,
        'archive/a',
        'changes/a',
        'changes/test-0.json',
        'changes/../test.cvd',
      ]) {
        await expect(publication.put(name, path, { sha256: sha256('') })).rejects.toThrow(RangeError);
        await expect(publication.write(name, 'text')).rejects.toThrow(RangeError);
        await expect(publication.remove(name)).rejects.toThrow(RangeError);
      }
    });

    test('leaves alone what is not ours, and knows only the archive and lists of changes of what lies deeper', async () => {
      const mine = ['local_rules.ndb', 'robots.txt', 'test-3.cdiff'];
      for (const name of [...mine, 'deeper/test.cvd']) await place.plant(name, 'mine');
      await using publication = await store.begin(undefined);
      await put(publication, 'test.cvd', 'ours');
      await publication.commit('{}');
      await publication.remove('test-2.cdiff');
      expect([...(await store.list()).keys()].sort()).toEqual([...mine, MANIFEST, 'test.cvd'].sort());
      for (const name of [...mine, 'deeper/test.cvd'])
        expect(await place.read(name)).toEqual(Buffer.from('mine'));
    });
  });

  test('defect 14: a manifest that cannot be understood is not an empty store', async () => {
    await place.plant(MANIFEST, '<html>');
    await expect(readPublished(store)).rejects.toMatchObject({ code: 'store/manifest' });
    await expect(store.begin(undefined)).rejects.toMatchObject({ code: 'store/conflict' });
  });

  describe('of publications', () => {
    test('at once, the second is told that the store is busy, until the first is over', async () => {
      {
        await using _first = await store.begin(undefined);
        await expect(place.open().begin(undefined)).rejects.toMatchObject({ code: 'store/busy' });
      }
      await using _second = await place.open().begin(undefined);
    });

    test('that begin with the same manifest, the second is in conflict and lets go', async () => {
      await commit('first');
      const tag = (await store.readManifest())?.tag;
      await commit('second');
      await expect(store.begin(tag)).rejects.toMatchObject({ code: 'store/conflict' });
      await expect(store.begin(undefined)).rejects.toMatchObject({ code: 'store/conflict' });
      await commit('third');
      expect((await store.readManifest())?.text).toBe('third');
    });

    test('that begin with a manifest which is gone, none begins', async () => {
      await expect(store.begin('the tag of a manifest')).rejects.toMatchObject({ code: 'store/conflict' });
    });

    test('twenty at once, one wins and nothing of another is mixed in', { timeout: 120_000 }, async () => {
      const paths = new Map<string, string>();
      const all = [...Array(20).keys()].map((number) => `publisher ${number}`);
      for (const text of all) paths.set(text, await source(text));
      const ends = await Promise.allSettled(
        all.map(async (text) => {
          await using publication = await place.open().begin(undefined);
          const path = paths.get(text) ?? '';
          for (const name of ['test-6.cdiff', ARCHIVED, 'test.cvd'])
            await publication.put(name, path, { sha256: sha256(text) });
          await publication.write('timestamp', text);
          await publication.commit(text);
          return text;
        }),
      );
      const won = ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : []));
      const codes = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason.code] : []));
      expect(won).toHaveLength(1);
      expect(codes.filter((code) => !['store/busy', 'store/conflict'].includes(code))).toEqual([]);
      const names = ['test-6.cdiff', ARCHIVED, 'test.cvd', 'timestamp', MANIFEST];
      for (const name of names) expect(String(await place.read(name))).toBe(won[0]);
      expect(await place.names()).toEqual([...names].sort());
    });
  });
}
