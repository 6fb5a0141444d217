import { createHash } from 'node:crypto';
import { mkdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { release, rollBack } from '../../scripts/cycle/rollback.ts';
import { FACE, FEED_JSON, FEED_XML } from '../../scripts/mirror/pages.ts';
import { parseHistory } from '../../scripts/page/history.ts';
import type { Status } from '../../scripts/page/status.ts';
import type { Prove } from '../../scripts/proof/prove.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { trusting } from '../support/clamav/engines.ts';
import {
  describeMirror,
  hashes,
  namesIn,
  offer,
  ofTest,
  served,
  startMirror,
  startPublished,
  type TestMirror,
} from '../support/mirror/cycle.ts';

const quick = { openProver: async () => trusting };
const text = async (mirror: TestMirror, name: string) => await readFile(join(mirror.store, name), 'utf8');
const statusIn = async (mirror: TestMirror): Promise<Status> => JSON.parse(await text(mirror, 'status.json'));
/** Titles of the feed's entries, newest first. */
const entriesOf = async (mirror: TestMirror) =>
  JSON.parse(await text(mirror, FEED_JSON)).items.map(({ title }: { title: string }) => title);
const historyIn = async (mirror: TestMirror) => parseHistory(await text(mirror, 'history.json'), new Date());

describeMirror('what tells how a mirror is', () => {
  test('comes with the first publication, and says what was obtained, and how', async () => {
    await using mirror = await startPublished(5, 6);
    expect(await namesIn(mirror.store)).toEqual(expect.arrayContaining([...FACE]));
    expect(await statusIn(mirror)).toMatchObject({
      ...{ schema: 1, verdict: 'well', lastTried: { outcome: 'published', problems: [] } },
      databases: { test: { version: 5, obtained: { how: 'downloaded' }, upstream: { version: 5 } } },
    });
    expect(await text(mirror, 'index.html')).toContain('<h1>This mirror is well.</h1>');
    expect(await text(mirror, 'metrics.prom')).toContain(
      'clamav_mirror_database_version{database="test"} 5\n',
    );
    offer(mirror, 6);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', how: 'rebuilt' });
    expect((await historyIn(mirror)).changes).toMatchObject([
      { from: null, to: 5, how: 'downloaded' },
      { from: 5, to: 6, how: 'rebuilt' },
    ]);
    expect(await statusIn(mirror)).toMatchObject({
      databases: { test: { obtained: { how: 'rebuilt' } } },
      lastChange: { from: 5, to: 6, lines: { added: 1, removed: 0, exchanged: 0, steps: 1 } },
    });
    expect(await text(mirror, 'index.html')).toContain('href="changes/test-6.json"');
  });

  test('counts each cycle once: published, unchanged, failed', async () => {
    await using mirror = await startPublished(5, 5);
    offer(mirror, 5);
    await mirror.sync(quick);
    mirror.upstream.fail('test.cvd', { status: 500 });
    await mirror.sync(quick);
    const { cycles, days } = await historyIn(mirror);
    expect(cycles.map(({ outcome }) => outcome)).toEqual(['published', 'unchanged', 'failed']);
    expect(days.reduce((sum, { cycles }) => sum + cycles, 0)).toBe(3);
  });

  test('of a failed or refused cycle is that it was tried, and nothing else changes', async () => {
    await using mirror = await startPublished(5, 6);
    mirror.upstream.fail('test.cvd', { status: 500 });
    const before = await served(mirror.store);
    const told = await hashes(mirror.store);
    expect((await mirror.sync(quick)).outcome).toBe('failed');
    expect(await served(mirror.store)).toEqual(before);
    expect((await hashes(mirror.store)).get('index.html')).not.toBe(told.get('index.html'));
    const { checked, lastTried, verdict } = await statusIn(mirror);
    expect({ verdict, lastTried }).toMatchObject({
      verdict: 'failing',
      lastTried: {
        outcome: 'failed',
        problems: [{ database: 'test', code: expect.stringMatching(/^upstream\//) }],
      },
    });
    expect(checked).toBe(JSON.parse(await text(mirror, 'manifest.json')).checked);
  });

  test('of a dry run is nothing', async () => {
    await using mirror = await startPublished(5, 6);
    const before = await hashes(mirror.store);
    offer(mirror, 6);
    expect((await mirror.sync({ ...quick, flags: { 'dry-run': 'true' } })).outcome).toBe('proven');
    expect(await hashes(mirror.store)).toEqual(before);
  });

  test('of a first cycle that fails is nothing: the folder may be somebody else’s', async () => {
    await using mirror = await startMirror(5);
    mirror.upstream.fail('test.cvd', { status: 500 });
    expect((await mirror.sync(quick)).outcome).toBe('failed');
    expect(await namesIn(mirror.store)).toEqual([]);
  });

  test('goes back with a rollback, which it tells of, and is released with it', async () => {
    await using mirror = await startPublished(5, 6);
    offer(mirror, 6);
    const settings = syncSettings({
      flags: { upstream: mirror.upstream.url, dns: 'off', store: mirror.store, work: mirror.work },
      environment: {},
    });
    await mirror.sync(quick);
    const [store, now] = [new FolderStore(mirror.store), () => new Date()];
    const deps = { store, trust: TALOS, now, log: SILENT, ...quick };
    await rollBack(settings, { database: 'test', to: 5, reason: 'false alarms' }, deps);
    expect(await statusIn(mirror)).toMatchObject({
      ...{ verdict: 'pinned', lastTried: { outcome: 'published' } },
      databases: {
        test: { version: 5, pinned: { reason: 'false alarms' }, obtained: { how: 'rolled back' } },
      },
    });
    expect(await entriesOf(mirror)).toEqual(['test 6 → 5, rolled back', 'test 5 → 6', 'test none → 5']);
    await release('test', deps);
    expect((await entriesOf(mirror))[0]).toBe('test released');
    expect(await statusIn(mirror)).toMatchObject({ verdict: 'well', databases: { test: { pinned: null } } });
    expect((await historyIn(mirror)).changes.map(({ to }) => to)).toEqual([5, 6, 5]);
  });

  test('has feeds that stay as they are in a cycle without news, their times too', async () => {
    await using mirror = await startPublished(5, 6);
    const feeds = async () =>
      await Promise.all(
        [FEED_XML, FEED_JSON].map(async (name) => {
          const { ino, mtimeMs } = await stat(join(mirror.store, name));
          return { ino, mtimeMs, text: await text(mirror, name) };
        }),
      );
    const before = await feeds();
    offer(mirror, 5);
    await mirror.sync(quick);
    mirror.upstream.fail('test.cvd', { status: 500 });
    await mirror.sync(quick);
    expect(await feeds()).toEqual(before);
    expect((await historyIn(mirror)).cycles).toHaveLength(3);
  });

  test('has feeds that tell of a refusal once, however many cycles meet it', async () => {
    await using mirror = await startPublished(5, 6);
    offer(mirror, 6);
    const refuse: Prove = async (candidate) => ({ ...(await trusting(candidate)), passed: false });
    for (let cycle = 0; cycle < 3; cycle++) await mirror.sync({ openProver: async () => refuse });
    expect(await entriesOf(mirror)).toEqual(['test 6 refused', 'test none → 5']);
  });

  describe('leaves alone', () => {
    test('a page that the owner had before, and links', async () => {
      await using mirror = await startPublished(5, 6);
      await writeFile(join(mirror.store, 'index.html'), '<!doctype html><title>Our ClamAV mirror</title>');
      await rm(join(mirror.store, 'badge.json'));
      await symlink('timestamp', join(mirror.store, 'badge.json'));
      const own = createHash('sha256')
        .update(await readFile(join(mirror.store, 'index.html')))
        .digest('hex');
      offer(mirror, 6);
      const said: string[] = [];
      await mirror.sync({ ...quick, log: recording(said) });
      expect((await hashes(mirror.store)).get('index.html')).toBe(own);
      expect(await readlink(join(mirror.store, 'badge.json'))).toBe('timestamp');
      expect(said.join('\n')).toContain('index.html');
      expect(await statusIn(mirror)).toMatchObject({ databases: { test: { version: 6 } } });
    });

    test('nothing of a mirror whose history somebody has spoilt: it begins anew', async () => {
      await using mirror = await startPublished(5, 6);
      const { generator } = JSON.parse(await text(mirror, 'history.json'));
      await writeFile(
        join(mirror.store, 'history.json'),
        `{\n  "generator": "${generator}",\n  "cycles": "none"`,
      );
      offer(mirror, 6);
      expect((await mirror.sync(quick)).outcome).toBe('published');
      expect((await historyIn(mirror)).cycles).toHaveLength(1);
    });
  });

  test('shows picture, notice and statistics that the owner has put there', async () => {
    await using mirror = await startPublished(5, 6);
    await writeFile(join(mirror.store, 'local_notice.html'), '<p>Moves on Monday');
    await writeFile(join(mirror.store, 'local_logo.png'), 'a picture');
    expect(await text(mirror, 'index.html')).not.toContain('local_stats');
    await mkdir(join(mirror.store, 'local_stats'));
    await writeFile(join(mirror.store, 'local_stats', 'index.html'), 'statistics');
    offer(mirror, 6);
    await mirror.sync(quick);
    const page = await text(mirror, 'index.html');
    expect(page).toContain('Moves on Monday');
    expect(page).toContain('src="local_logo.png"');
    expect(page).toContain('<a href="local_stats/">statistics</a>');
  });
});

function recording(said: string[]) {
  const note = (line: string) => void said.push(line);
  return { info: note, warn: note, progress() {} };
}
