import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { latestChanges } from '../../scripts/changes/overview.ts';
import { parseStep } from '../../scripts/changes/record.ts';
import { textsOf } from '../../scripts/changes/texts.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { trusting } from '../support/clamav/engines.ts';
import {
  describeMirror,
  expectNoLeftovers,
  faults,
  namesIn,
  offer,
  ofTest,
  type SyncChange,
  startMirror,
  type TestMirror,
} from '../support/mirror/cycle.ts';

const quick = { openProver: async () => trusting };

async function publish(mirror: TestMirror, version: number, change: SyncChange = quick): Promise<void> {
  offer(mirror, version);
  expect(ofTest(await mirror.sync(change))).toMatchObject({ outcome: 'published', to: version });
  expect(await faults(mirror.store)).toEqual([]);
  await expectNoLeftovers(mirror);
}

const namesOf = async ({ store }: TestMirror) => await namesIn(join(store, 'changes'));

async function stepTo(mirror: TestMirror, version: number) {
  const name = join(mirror.store, 'changes', `test-${version}.json`);
  return parseStep(await readFile(name, 'utf8').catch(() => undefined), 'test', version);
}

async function latest({ store }: TestMirror, count?: number) {
  const found = await latestChanges(textsOf(new FolderStore(store)), ['test'], count);
  return found.get('test')?.map(({ from, to, source, added, removed, exchanged }) => {
    return [from, to, source, added, removed, exchanged];
  });
}

describeMirror('the lists of changed signatures', () => {
  test('come with each version, whichever of its CDIFFs and CVDs are at hand', async () => {
    await using mirror = await startMirror(2);
    expect((await mirror.sync(quick)).outcome).toBe('published');
    expect(await namesOf(mirror)).toEqual(['test-2.json', 'test.json', 'test.names.json']);
    expect(await latest(mirror)).toEqual([[1, 2, 'cdiff alone', 0, 0, 0]]);
    await publish(mirror, 3);
    await publish(mirror, 6);
    expect(await namesOf(mirror)).toEqual([
      ...[2, 3, 4, 5, 6].map((version) => `test-${version}.json`),
      'test.json',
      'test.names.json',
    ]);
    expect((await latest(mirror))?.map(([from, to, source]) => [from, to, source])).toEqual([
      [5, 6, 'cdiff'],
      [4, 5, 'cdiff'],
      [3, 4, 'cdiff'],
      [2, 3, 'cdiff'],
      [1, 2, 'cdiff alone'],
    ]);
    expect((await stepTo(mirror, 3))?.built).toBe('2021-06-23T00:40:09.000Z');
  });

  test('name what a version removed by the CVD before, also where the archive keeps none', async () => {
    await using mirror = await startMirror(5);
    const bare = { ...quick, flags: { archive: '0' } };
    expect((await mirror.sync(bare)).outcome).toBe('published');
    await publish(mirror, 6, bare);
    expect(await stepTo(mirror, 6)).toMatchObject({ from: 5, source: 'cdiff' });
  });

  test('compare two CVDs where no CDIFF leads from one to the other', async () => {
    await using mirror = await startMirror(3);
    await mirror.sync(quick);
    offer(mirror, 6);
    for (const version of [4, 5, 6]) mirror.upstream.remove(`test-${version}.cdiff`);
    await mirror.sync(quick);
    expect((await latest(mirror, 1))?.[0]?.slice(0, 3)).toEqual([3, 6, 'databases']);
  });

  test('are made again if a killed run left some out, and only then', async () => {
    await using mirror = await startMirror(5);
    await mirror.sync(quick);
    await publish(mirror, 6);
    const before = await stepTo(mirror, 6);
    await rm(join(mirror.store, 'changes', 'test-6.json'));
    expect((await mirror.sync(quick)).outcome).toBe('unchanged');
    expect(await stepTo(mirror, 6)).toEqual(before);
    await rm(join(mirror.store, 'changes'), { recursive: true });
    expect((await mirror.sync(quick)).outcome).toBe('unchanged');
    expect((await namesOf(mirror)).length).toBe(7);
  });

  test('leave files of the owner alone', async () => {
    await using mirror = await startMirror(6);
    await mkdir(join(mirror.store, 'changes'), { recursive: true });
    for (const name of ['notes.txt', 'test-6.json', 'test-1.json'])
      await writeFile(join(mirror.store, 'changes', name), 'mine');
    expect((await mirror.sync(quick)).outcome).toBe('published');
    for (const name of ['notes.txt', 'test-6.json', 'test-1.json'])
      expect(await readFile(join(mirror.store, 'changes', name), 'utf8')).toBe('mine');
    expect(await namesOf(mirror)).toContain('test-5.json');
  });

  test('never fail a cycle: not if a file has the name of their folder', async () => {
    await using mirror = await startMirror(6);
    await mkdir(mirror.store, { recursive: true });
    await writeFile(join(mirror.store, 'changes'), 'mine');
    expect((await mirror.sync(quick)).outcome).toBe('published');
    expect(await readFile(join(mirror.store, 'changes'), 'utf8')).toBe('mine');
  });

  test('are not written by a dry run', async () => {
    await using mirror = await startMirror(6);
    await mirror.sync({ ...quick, flags: { 'dry-run': 'true' } });
    expect(await namesOf(mirror)).toEqual([]);
  });
});
