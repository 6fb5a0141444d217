import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { trusting } from '../../support/clamav/engines.ts';
import { describeWithSmallDisks, mount } from '../../support/machine/small-disk.ts';
import { runCli } from '../../support/mirror/cli.ts';
import {
  CDIFFS,
  describeMirror,
  expectNoLeftovers,
  faults,
  hashes,
  manifestOf,
  namesIn,
  offer,
  ofTest,
  published,
  sha256,
  startMirror,
  updateClient,
  versionOf,
} from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';
import { fateOf, fates, folderAt, folderOf, traces } from './folder.ts';

const PROBE = 522;
const quick = { openProver: async () => trusting };

describeMirror('an empty store that adopts a folder', () => {
  test('takes no whole CVD from upstream, and is proven, published and as new as upstream', async () => {
    await using mirror = await startMirror(6);
    const given = await folderAt(mirror, 5);
    const before = await traces(given);
    const report = await mirror.sync({ flags: { adopt: given } });
    expect(report.outcome).toBe('published');
    expect(ofTest(report)).toMatchObject({ from: null, to: 6, how: 'rebuilt' });
    expect(mirror.upstream.requests.filter(({ name, range }) => name === 'test.cvd' && !range)).toEqual([]);
    expect(mirror.upstream.sent('test.cvd')).toBe(PROBE);
    expect(mirror.upstream.asked.filter((name) => name.endsWith('.cdiff'))).toEqual(['test-6.cdiff']);
    expect(report.proof).toMatchObject({ passed: true, databases: { test: 6 } });
    expect((await hashes(mirror.store)).get('test.cvd')).toBe(sha256(await readFile(official('test-6.cvd'))));
    expect((await manifestOf(mirror)).databases.test?.cdiffs).toEqual({ first: 2, last: 6 });
    expect(await namesIn(join(mirror.store, 'archive'))).toEqual(['test-5.cvd']);
    expect(Object.values(fates(report))).toEqual(Array(5).fill('adopted'));
    expect(await faults(mirror.store)).toEqual([]);
    expect(await updateClient(mirror.store, join(mirror.folder, 'client'), 6)).toBe('test.cvd 6');
    expect(await traces(given)).toEqual(before);
    await expectNoLeftovers(mirror);
  });

  test('asks nothing but the version and the .sign files of a folder that is as new as upstream', async () => {
    await using mirror = await startMirror(6);
    const report = await mirror.sync({ ...quick, flags: { adopt: await folderAt(mirror, 6) } });
    expect(ofTest(report)).toMatchObject({ outcome: 'published', from: null, to: 6, how: 'adopted' });
    expect(mirror.upstream.asked).toEqual(['test.cvd', 'test-6.cvd.sign']);
    expect(mirror.upstream.sent('test.cvd')).toBe(PROBE);
    expect((await manifestOf(mirror)).databases.test?.seen).toMatchObject({ version: 6 });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('publishes what is proven of it though upstream cannot be reached, and says both', async () => {
    await using mirror = await startMirror(6);
    mirror.upstream.fail('*', { cutAfter: 'head' });
    const given = await folderAt(mirror, 5);
    const run = await runCli(['sync', ...mirror.flags({ adopt: given, upstream: 'http://127.0.0.1:1' })]);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain(
      'error (upstream/unreachable): test: failed, version 5 is published, adopted',
    );
    expect(run.stderr.trim().split('\n').at(-1)).toMatch(/failed, but published test 5: /);
    expect(await faults(mirror.store)).toEqual([]);
    expect(await updateClient(mirror.store, join(mirror.folder, 'client'), 5)).toBe('test.cvd 5');

    const { databases, checked } = await manifestOf(mirror);
    const { built, seen, checked: ofTest } = databases.test ?? {};
    expect({ seen, ofTest }).toEqual({ seen: { at: built, version: 5 }, ofTest: built }); // nobody knows more
    expect(checked).toBe(built);
  });

  test('goes on from there by CDIFF once upstream is back', async () => {
    await using mirror = await startMirror(6);
    const given = await folderAt(mirror, 5);
    const dead = { adopt: given, upstream: 'http://127.0.0.1:1' };
    expect(ofTest(await mirror.sync({ ...quick, flags: dead }))).toMatchObject({ outcome: 'failed', to: 5 });
    expect(ofTest(await mirror.sync(quick))).toMatchObject({
      outcome: 'published',
      from: 5,
      to: 6,
      how: 'rebuilt',
    });
    expect(mirror.upstream.sent('test.cvd')).toBe(PROBE);
    const { checked, databases } = await manifestOf(mirror);
    expect(Date.parse(checked)).toBeGreaterThan(Date.parse(databases.test?.built ?? ''));
  });

  test('in a dry run proves it, publishes nothing, and takes no whole CVD either', async () => {
    await using mirror = await startMirror(6);
    const flags = { adopt: await folderAt(mirror, 5), 'dry-run': 'true' };
    const report = await mirror.sync({ ...quick, flags });
    expect(ofTest(report)).toMatchObject({ outcome: 'proven', to: null, offered: 6 });
    expect(mirror.upstream.sent('test.cvd')).toBe(PROBE);
    expect(await namesIn(mirror.store)).not.toContain('test.cvd');
  });

  test('keeps what it adopted if upstream offers something that is refused', async () => {
    await using mirror = await startMirror(6);
    const forged = await readFile(official('test-6.cvd'));
    forged.write('15', forged.indexOf(':14:') + 1); // signatures, by its header
    mirror.upstream.set('test.cvd', forged);
    const report = await mirror.sync({ ...quick, flags: { adopt: await folderAt(mirror, 5) } });
    expect(ofTest(report)).toMatchObject({ outcome: 'refused', from: null, to: 5, how: 'adopted' });
    expect(await versionOf(mirror.store)).toBe(5);
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('stops before it asks upstream if nothing in it can be used', async () => {
    await using mirror = await startMirror(6);
    const given = await folderOf(mirror, { 'test.cvd': 'bytecode.cvd' });
    const report = await mirror.sync({ ...quick, flags: { adopt: given } });
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'adopt/nothing' } });
    expect(fates(report)).toEqual({ 'test.cvd': 'unproven' });
    expect(mirror.upstream.asked).toEqual([]);
    const gone = await mirror.sync({ ...quick, flags: { adopt: join(mirror.folder, 'gone') } });
    expect(gone).toMatchObject({ outcome: 'failed', error: { code: 'adopt/folder' } });
    expect(mirror.upstream.asked).toEqual([]);
  });
});

describeMirror('a disk without room for the copies', () => {
  describeWithSmallDisks('that is small', () => {
    test('is this machine’s trouble, and makes no file of the folder a bad one', async () => {
      await using mirror = await startMirror(6);
      const given = await folderAt(mirror, 5);
      await mkdir(mirror.work, { mode: 0o700 });
      using _disk = mount(mirror.work, '24k');
      const report = await mirror.sync({ ...quick, flags: { adopt: given } });
      expect(report).toMatchObject({ outcome: 'failed', error: { code: 'file/full' } });
      expect(report.adoption).toBeUndefined();
      expect(mirror.upstream.asked).toEqual([]);
    });
  });
});

describe('a folder to adopt', () => {
  test.each([
    ['the store', (mirror: string) => ({ store: mirror, adopt: mirror })],
    ['a folder around the store', (mirror: string) => ({ store: join(mirror, 'in'), adopt: mirror })],
    ['a folder within it', (mirror: string) => ({ store: mirror, adopt: join(mirror, 'in') })],
    ['the work folder', (mirror: string) => ({ store: `${mirror}/a`, work: mirror, adopt: mirror })],
  ])('is none that a run writes to, such as %s', async (_, flagsFor) => {
    const flags = Object.entries(flagsFor('/nonexistent/mirror')).flatMap(([name, value]) => [
      `--${name}`,
      value,
    ]);
    const run = await runCli(['sync', ...flags]);
    expect(run.exitCode).toBe(2);
    expect(run.stderr).toContain('setting/invalid');
  });
});

describeMirror('a mirror that has something already', () => {
  test('never goes back to what a folder has', async () => {
    await using mirror = await startMirror(6);
    await mirror.sync(quick);
    const before = await published(mirror.store);
    mirror.upstream.forget();
    const report = await mirror.sync({ ...quick, flags: { adopt: await folderAt(mirror, 5) } });
    expect(ofTest(report)).toMatchObject({ outcome: 'unchanged', to: 6 });
    expect(await published(mirror.store)).toEqual(before);
    expect(new Set(Object.values(fates(report)))).toEqual(new Set(['not needed']));
  });

  test('takes a newer version from it, and the CDIFFs that lead there', async () => {
    await using mirror = await startMirror(3);
    await mirror.sync(quick);
    const report = await mirror.sync({ ...quick, flags: { adopt: await folderAt(mirror, 5) } });
    expect(ofTest(report)).toMatchObject({ from: 3, to: 5, how: 'adopted' });
    expect((await manifestOf(mirror)).databases.test?.cdiffs).toEqual({ first: 2, last: 5 });
    expect(fates(report)).toMatchObject({
      'test.cvd': 'adopted',
      'test-5.cdiff': 'adopted',
      'test-2.cdiff': 'not needed',
    });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('gets the CDIFFs from it that make its chain longer', async () => {
    await using mirror = await startMirror(6);
    for (const name of CDIFFS.slice(0, 4)) mirror.upstream.remove(name);
    await mirror.sync(quick);
    expect((await manifestOf(mirror)).databases.test?.cdiffs).toEqual({ first: 6, last: 6 });
    const given = await folderOf(mirror, {
      'test-5.cdiff': 'test-5.cdiff',
      'test-4.cdiff': 'test-4.cdiff',
      'test-2.cdiff': 'test-2.cdiff',
    });
    const report = await mirror.sync({ ...quick, flags: { adopt: given } });
    expect(report.outcome).toBe('published');
    expect((await manifestOf(mirror)).databases.test).toMatchObject({
      cdiffs: { first: 4, last: 6 },
      missingCdiffs: [],
    });
    expect(fates(report)).toEqual({
      'test-2.cdiff': 'not needed', // nothing leads on from it
      'test-4.cdiff': 'adopted',
      'test-5.cdiff': 'adopted',
    });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('does not forget which CDIFFs upstream lacked', async () => {
    await using mirror = await startMirror(5);
    const both = { databases: 'test,bytecode' };
    await mirror.sync(quick);
    offer(mirror, 6);
    mirror.upstream.remove('test-6.cdiff');
    await mirror.sync(quick);
    expect((await manifestOf(mirror)).databases.test?.missingCdiffs).toEqual([6]);
    const given = await folderOf(mirror, { 'bytecode.cvd': 'bytecode.cvd' });
    const report = await mirror.sync({
      ...quick,
      flags: { ...both, adopt: given, upstream: 'http://127.0.0.1:1' },
    });
    expect(report.databases.bytecode).toMatchObject({ outcome: 'failed', from: null, how: 'adopted' });
    expect((await manifestOf(mirror)).databases.test?.missingCdiffs).toEqual([6]);
  });

  test('leaves a pinned database alone', async () => {
    await using mirror = await startMirror(5);
    await mirror.sync(quick);
    offer(mirror, 6);
    await mirror.sync(quick);
    const back = await runCli([
      ...['rollback', '--store', mirror.store, '--work', mirror.work],
      ...['--database', 'test', '--to', '5', '--reason', 'a test'],
    ]);
    expect(back.exitCode).toBe(0);
    const report = await mirror.sync({ ...quick, flags: { adopt: await folderAt(mirror, 6) } });
    expect(ofTest(report)).toMatchObject({ outcome: 'unchanged', to: 5 });
    expect(fateOf(report, 'test.cvd')?.outcome).toBe('not used');
    expect(await versionOf(mirror.store)).toBe(5);
  });
});
