import { readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { explain } from '../../scripts/base/errors.ts';
import { MANIFEST_NUMBER } from '../../scripts/base/limits/manifest.ts';
import { trusting } from '../support/clamav/engines.ts';
import {
  describeMirror,
  faults,
  manifestOf,
  namesIn,
  offer,
  published,
  startMirror,
  type TestMirror,
} from '../support/mirror/cycle.ts';
import { sampled } from '../support/sample.ts';
import { changeContents, codeThrown, exported, hashOf, otherSide } from './support.ts';

const quick = { openProver: async () => trusting };

/** A mirror at each of these versions in turn, exported each time. Returns the paths of the bundles. */
async function row(mirror: TestMirror, versions: readonly number[]): Promise<string[]> {
  const bundles: string[] = [];
  for (const version of versions) {
    offer(mirror, version);
    await mirror.sync(quick);
    const to = join(mirror.folder, `bundle-${version}.tar`);
    await exported(mirror, to);
    bundles.push(to);
  }
  return bundles;
}

describeMirror('a mirror across an air gap', () => {
  test('follows bundle by bundle, with real ClamAV as its judge, and has the same bytes', async () => {
    await using mirror = await startMirror(1);
    await using there = await otherSide();
    for (const [at, bundle] of (await row(mirror, [1, 2, 4, 6])).entries()) {
      const report = await there.take([bundle], { prove: at === 3 });
      const how = at === 0 ? 'downloaded' : 'rebuilt';
      expect(report).toMatchObject({ outcome: 'published', how, notes: [] });
    }
    expect(await published(there.store)).toMatchObject(await withoutArchive(mirror.store));
    expect(await faults(there.store)).toEqual([]);
  });

  test('has the same bytes from all bundles at once, in any order', async () => {
    await using mirror = await startMirror(1);
    await using there = await otherSide();
    const bundles = await row(mirror, [1, 3, 6]);
    expect(await there.take(bundles.toReversed())).toMatchObject({ outcome: 'published', how: 'rebuilt' });
    expect(await withoutArchive(there.store)).toEqual(await withoutArchive(mirror.store));
  });

  test('is tried from all bundles at once as it would be taken, and nothing is published', async () => {
    await using mirror = await startMirror(1);
    await using there = await otherSide();
    const bundles = await row(mirror, [1, 3, 6]);
    expect((await there.take(bundles, { flags: { 'dry-run': 'true' } })).outcome).toBe('proven');
    expect(await namesIn(there.store)).toEqual([]);
  });

  test('an ordinary step takes little more than its CDIFFs', async () => {
    await using mirror = await startMirror(1);
    const [, second = ''] = await row(mirror, [1, 2]);
    const { cdiffs, bytes } = await exported(mirror, second, { since: 'test:1' }).then(({ of, bytes }) => ({
      ...of,
      bytes,
    }));
    expect(cdiffs).toBeGreaterThan(0);
    expect(bytes - cdiffs).toBeLessThan(300_000);
  });

  test('the same store gives the same bytes, in one piece or several', async () => {
    await using mirror = await startMirror(3);
    await mirror.sync(quick);
    const at = (name: string) => join(mirror.folder, name);
    await exported(mirror, at('one.tar'), { since: 'nothing' });
    await exported(mirror, at('two.tar'), { since: 'nothing' });
    expect(await hashOf(at('one.tar'))).toBe(await hashOf(at('two.tar')));
    const { files } = await exported(mirror, at('split.tar'), { since: 'nothing', split: 1000 });
    expect(files.length).toBeGreaterThan(5);
    const joined = Buffer.concat(await Promise.all(files.map(async (path) => await readFile(path))));
    expect(joined.equals(await readFile(at('one.tar')))).toBe(true);
    await using there = await otherSide();
    expect((await there.take(files.toReversed())).outcome).toBe('published');
  });

  test('of fewer pieces than the one before it under this name leaves no piece of that behind', async () => {
    await using mirror = await startMirror(3);
    await mirror.sync(quick);
    const to = join(mirror.folder, 'week.tar');
    const pieces = async () => (await namesIn(mirror.folder)).filter((name) => name.startsWith('week.tar'));
    await exported(mirror, to, { since: 'nothing', split: 1000 });
    const { files } = await exported(mirror, to, { since: 'nothing', split: 10_000 });
    expect(await pieces()).toEqual(files.map((path) => basename(path)));
  });

  test('says how old it is by the clock of the side that saw upstream', async () => {
    await using mirror = await startMirror(1);
    await using there = await otherSide();
    const [bundle = ''] = await row(mirror, [1]);
    await there.take([bundle]);
    const [here, beyond] = [await manifestOf(mirror), await manifestOf(there)];
    expect(beyond.databases.test?.checked).toBe(here.databases.test?.checked);
  });

  test('needs no network at all', async () => {
    await using mirror = await startMirror(2);
    await using there = await otherSide();
    const [bundle = ''] = await row(mirror, [2]);
    await mirror.upstream[Symbol.asyncDispose]();
    expect((await there.take([bundle], { prove: true })).outcome).toBe('published');
  });

  describe('says by name what is wrong, and takes nothing', () => {
    test.each([
      ['a hole', [0, 2], 'bundle/gap', 'test-2.cdiff'],
      ['the middle of a row for an empty store', [1], 'bundle/gap', 'was never imported here'],
    ] as const)('%s', async (_, which, code, words) => {
      await using mirror = await startMirror(1);
      await using there = await otherSide();
      const bundles = await row(mirror, [1, 2, 4]);
      const [first, ...rest] = which;
      if (rest.length > 0) await there.take([bundles[first] ?? '']);
      const before = await published(there.store);
      const last = bundles[rest.at(-1) ?? first] ?? '';
      const error = await there.take([last]).catch((error: unknown) => error);
      expect(error).toMatchObject({ code });
      expect(explain(error)).toContain(words);
      expect(await published(there.store)).toEqual(before);
    });

    test('a hole behind the bundle that holds everything', async () => {
      await using mirror = await startMirror(1);
      await using there = await otherSide();
      const [first = '', , third = ''] = await row(mirror, [1, 2, 4]);
      const error = await there.take([first, third]).catch((error: unknown) => error);
      expect(error).toMatchObject({ code: 'bundle/gap' });
      expect(explain(error)).toContain('test-2.cdiff');
      expect(await namesIn(there.store)).toEqual([]);
    });

    test('a hole too large to name each CDIFF in it', async () => {
      await using mirror = await startMirror(1);
      await using there = await otherSide();
      const [first = '', second = ''] = await row(mirror, [1, 2]);
      await there.take([first]);
      await changeContents(second, ({ databases, ...contents }) => {
        const [[name, record] = ['', undefined]] = Object.entries(databases);
        return { ...contents, databases: record ? { [name]: { ...record, version: MANIFEST_NUMBER } } : {} };
      });
      expect(await codeThrown(async () => await there.take([second]))).toBe('bundle/gap');
    });

    test('a bundle of another mirror, until that is said to be meant', async () => {
      await using mirror = await startMirror(1);
      await using other = await startMirror(2);
      await using there = await otherSide();
      const [[mine = ''], [others = '']] = [await row(mirror, [1]), await row(other, [2])];
      await there.take([mine]);
      expect(await codeThrown(async () => await there.take([others]))).toBe('bundle/other-mirror');
      expect((await there.take([others], { flags: { 'any-mirror': 'true' } })).outcome).toBe('published');
    });

    test('one that was imported before, and one that is older', async () => {
      await using mirror = await startMirror(1);
      await using there = await otherSide();
      const [first = '', second = ''] = await row(mirror, [1, 2]);
      await there.take([first]);
      await there.take([second]);
      expect((await there.take([second])).notes).toEqual([expect.stringContaining('has already')]);
      const before = await published(there.store);
      expect(await there.take([first])).toMatchObject({
        outcome: undefined,
        notes: [expect.stringContaining('test 1, and the store has 2')],
      });
      expect(await published(there.store)).toEqual(before);
    });

    test('a file that is not there', async () => {
      await using there = await otherSide();
      const none = join(there.folder, 'none.tar');
      expect(await codeThrown(async () => await there.take([none]))).toBe('bundle/piece');
    });

    test('a folder that is not there, and leaves alone what a link in the place of a piece leads to', async () => {
      await using mirror = await startMirror(1);
      await mirror.sync(quick);
      const at = (name: string) => join(mirror.folder, name);
      const code = await codeThrown(async () => await exported(mirror, at('none/all.tar')));
      expect(code).toBe('file/unwritable');
      await writeFile(at('victim'), 'precious');
      await symlink(at('victim'), at('all.tar.part'));
      await exported(mirror, at('all.tar'));
      expect(await readFile(at('victim'), 'utf8')).toBe('precious');
    });

    test('a piece that is missing, cut, or too many', async () => {
      await using mirror = await startMirror(1);
      await mirror.sync(quick);
      await using there = await otherSide();
      const { files } = await exported(mirror, join(mirror.folder, 'b.tar'), { split: 2000 });
      const without = (at: number) => files.filter((_, index) => index !== at);
      expect(await codeThrown(async () => await there.take(without(1)))).toBe('bundle/piece');
      expect(await codeThrown(async () => await there.take(without(files.length - 1)))).toBe('bundle/piece');
      const more = join(mirror.folder, `b.tar.${String(files.length + 1).padStart(3, '0')}`);
      await writeFile(more, 'x');
      expect(await codeThrown(async () => await there.take([...files, more]))).toBe('bundle/damaged');
      expect(await namesIn(there.store)).toEqual([]);
    });
  });

  test('every byte of a bundle counts', async () => {
    await using mirror = await startMirror(2);
    await mirror.sync(quick);
    await using there = await otherSide();
    const path = join(mirror.folder, 'b.tar');
    await exported(mirror, path);
    const bytes = await readFile(path);
    for (const at of offsetsIn(bytes)) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      await writeFile(path, changed);
      const code = await codeThrown(async () => await there.take([path]));
      expect(code, `byte ${at}`).toMatch(/^bundle\/(damaged|piece)$/);
    }
    expect(await namesIn(there.store)).toEqual([]);
  });
});

/** Offsets in the list of contents, and evenly spread ones in the rest. */
function offsetsIn(bundle: Buffer): number[] {
  const listEnd = bundle.indexOf('manifest.json\0');
  const spread = (from: number, to: number, count: number) =>
    Array.from({ length: count }, (_, at) => from + Math.floor((at * (to - from)) / count));
  return [
    ...spread(0, listEnd, sampled(200, listEnd)),
    ...spread(listEnd, bundle.length, sampled(200, 1000)),
  ];
}

async function withoutArchive(store: string): Promise<Record<string, string>> {
  const all = Object.entries(await published(store));
  return Object.fromEntries(all.filter(([name]) => !name.startsWith('archive/')));
}
