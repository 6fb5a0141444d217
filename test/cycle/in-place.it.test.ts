import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { rollBack } from '../../scripts/cycle/rollback.ts';
import { checkStore } from '../../scripts/mirror/check/check-store.ts';
import { parseManifest } from '../../scripts/mirror/manifest.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { trusting } from '../support/clamav/engines.ts';
import { runCli } from '../support/mirror/cli.ts';
import { describeMirror, offer, ofTest } from '../support/mirror/cycle.ts';
import { CEPH_ENVIRONMENT } from '../support/s3/ceph.ts';
import { describeWithCeph } from '../support/s3/s3.ts';
import { everyNth, sampled } from '../support/sample.ts';
import { official } from '../support/setup/official.ts';
import { type AttackedMirror, attackedBucket, attackedFolder, flipObject } from './in-place.ts';

const DAY = 24 * 60 * 60_000;
/** A time to begin with. */
const BEGIN = Date.parse('2026-06-01T12:00:00Z');
/** Where a file of each kind is changed. */
const DAMAGES: readonly (readonly [name: string, at: number])[] = [
  ['test.cvd', 6000],
  ['test-4.cdiff', 300],
];

const quick = { openProver: async () => trusting };

/** One cycle, so many milliseconds after the beginning. */
async function cycle({ mirror, store }: AttackedMirror, after = 0, flags: Record<string, string> = {}) {
  return await mirror.sync({ ...quick, store, now: () => new Date(BEGIN + after), flags });
}

async function faultsOf({ store }: AttackedMirror): Promise<string[]> {
  const checked = await checkStore(store, TALOS);
  return checked.filter(({ verdict }) => verdict !== 'proven').map(({ path }) => path);
}

async function checkedOf({ store }: AttackedMirror): Promise<string> {
  return parseManifest((await store.readManifest())?.text ?? '', '').checked;
}

async function publishAll(place: AttackedMirror, ...versions: readonly number[]): Promise<void> {
  for (const version of versions) {
    offer(place.mirror, version);
    expect(ofTest(await cycle(place))).toMatchObject({ outcome: 'published', to: version });
  }
}

/** What every store has to keep; `damages` are tried for a week. */
function testInPlace(start: (version: number) => Promise<AttackedMirror>, damages: typeof DAMAGES): void {
  test.each(DAMAGES)('is found and healed by the next cycle: %s', async (name, at) => {
    await using place = await start(6);
    for (const _ of ['published', 'unchanged']) await cycle(place);
    const whole = await place.read(name);
    await place.flip(name, at);
    expect(await place.read(name)).not.toEqual(whole);
    const healed = await cycle(place, 60_000);
    expect(ofTest(healed)).toMatchObject({ outcome: 'published', from: 6, to: 6 });
    expect(await place.read(name)).toEqual(whole);
    expect(await faultsOf(place)).toEqual([]);
    expect((await cycle(place, 120_000)).outcome).toBe('unchanged');
  });

  test.each(everyNth(2, damages))(
    'is found within a week by machines that remember nothing: %s',
    async (name, at) => {
      await using place = await start(6);
      await cycle(place);
      const whole = await place.read(name);
      await place.flip(name, at);
      for (let day = 1; day <= 7; day++) {
        await place.forget();
        await cycle(place, day * DAY);
      }
      expect(await place.read(name)).toEqual(whole);
    },
  );

  test('is found at once by verify, which says where', async () => {
    await using place = await start(6);
    await cycle(place);
    const environment = { ...CEPH_ENVIRONMENT };
    expect((await runCli(['verify', ...place.args], { environment })).exitCode).toBe(0);
    await place.flip('test.cvd', 6000);
    const said = await runCli(['verify', '--json', ...place.args], { environment });
    expect(said.exitCode).toBe(3);
    expect(said.stdout).toContain('test.cvd');
  });

  test('is healed by resync, though somebody says that all was verified just now', async () => {
    await using place = await start(6);
    await cycle(place);
    await place.flip('test.cvd', 6000);
    await place.flip('test-4.cdiff', 300);
    await place.forget();
    await cycle(place, 0, { 'dry-run': 'true' });
    expect((await cycle(place, 60_000, { resync: 'true' })).outcome).toBe('published');
    expect(await faultsOf(place)).toEqual([]);
  });

  test('leaves `checked` as it was while upstream cannot heal it', async () => {
    await using place = await start(6);
    for (const after of [0, 1000]) await cycle(place, after);
    const before = await checkedOf(place);
    await place.flip('test-4.cdiff', 300);
    place.mirror.upstream.remove('test.cvd');
    expect((await cycle(place, DAY * 8)).outcome).toBe('failed');
    expect(await checkedOf(place)).toBe(before);
  });

  describe('with an archive', () => {
    test('gets no damaged CVD into it, and the new version comes', async () => {
      await using place = await start(5);
      await publishAll(place, 5);
      await cycle(place);
      await place.flip('test.cvd', 6000);
      await publishAll(place, 6);
      const kept = await place.read('archive/test-5.cvd');
      if (kept !== undefined) expect(kept).toEqual(await readFile(official('test-5.cvd')));
      expect(await faultsOf(place)).toEqual([]);
    });

    test('loses what is damaged of it, and nothing else', async () => {
      await using place = await start(4);
      await publishAll(place, 4, 5, 6);
      await cycle(place);
      await place.flip('archive/test-5.cvd', 6000);
      await cycle(place, 60_000);
      expect(await place.read('archive/test-5.cvd')).toBeUndefined();
      expect(await place.read('archive/test-4.cvd')).toEqual(await readFile(official('test-4.cvd')));
      expect(await faultsOf(place)).toEqual([]);
    });

    test('is rolled back from a damaged version to a good one, and to no damaged one', async () => {
      await using place = await start(4);
      await publishAll(place, 4, 5, 6);
      await place.flip('archive/test-5.cvd', 6000);
      await place.flip('test.cvd', 6000);
      const { mirror, store } = place;
      const flags = { store: mirror.store, work: mirror.work };
      const parts = { ...quick, store, trust: TALOS, log: SILENT, now: () => new Date(BEGIN + DAY) };
      const settings = syncSettings({ flags, environment: {} });
      const to = (version: number) =>
        rollBack(settings, { database: 'test', to: version, reason: 'it is damaged' }, parts);
      await expect(to(5)).rejects.toThrow();
      expect(await to(4)).toMatchObject({ from: 6, to: 4 });
      expect(await place.read('test.cvd')).toEqual(await readFile(official('test-4.cvd')));
      expect(await place.read('archive/test-6.cvd')).toBeUndefined();
      expect(await faultsOf(place)).toEqual([]);
    });
  });
}

describeMirror('a file that is damaged in its place, at the same size,', () => {
  describe('in a folder', () => {
    testInPlace(attackedFolder, DAMAGES);

    test('is rebuilt from the archive, and the CVD not downloaded', async () => {
      await using place = await attackedFolder(5);
      await publishAll(place, 5, 6);
      await place.flip('test.cvd', 6000);
      place.mirror.upstream.forget();
      expect(ofTest(await cycle(place, 60_000))).toMatchObject({ how: 'rebuilt', to: 6 });
      expect(place.mirror.upstream.sent('test.cvd')).toBeLessThanOrEqual(522);
      expect(await faultsOf(place)).toEqual([]);
    });
  });

  describeWithCeph('in a bucket', (ceph) => {
    testInPlace((version) => attackedBucket(ceph, version), DAMAGES.toReversed());

    test('is put back from a copy on this machine, and upstream is not asked for it', async () => {
      await using place = await attackedBucket(ceph, 6, { copies: true });
      for (const after of [0, 1000]) await cycle(place, after);
      await place.flip('test.cvd', 6000);
      await place.flip('test-4.cdiff', 300);
      place.mirror.upstream.forget();
      expect((await cycle(place, 60_000)).outcome).toBe('unchanged');
      expect(place.mirror.upstream.sent('test.cvd')).toBeLessThanOrEqual(522);
      expect(await place.read('test.cvd')).toEqual(await readFile(official('test-6.cvd')));
      expect(await place.read('test-4.cdiff')).toEqual(await readFile(official('test-4.cdiff')));
    });

    test('costs nothing to look for every hour', async () => {
      await using place = await attackedBucket(ceph, 6, { copies: true });
      await cycle(place);
      await cycle(place, 1000);
      place.proxy.forget();
      await cycle(place, 3_600_000);
      const reads = place.proxy.seen.filter((line) => /^GET .*\.(cvd|cdiff|sign)/.test(line));
      expect(reads).toEqual([expect.stringContaining('/test.cvd')]); // its header, which each cycle reads
      expect(place.proxy.received).toBeLessThan(40_000); // the manifest, three times, and listings
    });

    test('is read once a week, a part of it each day', async () => {
      await using place = await attackedBucket(ceph, 6, { copies: true });
      await cycle(place);
      await cycle(place, 1000);
      place.proxy.forget();
      const days: string[][] = [];
      const often = sampled(12, 6);
      for (let hour = often; hour < 7 * 24; hour += often) {
        await cycle(place, hour * 3_600_000 + 1000);
        const names = place.proxy.seen.flatMap(
          (line) => /^GET (?!.*\/changes\/).*\/(test[^?]*)/.exec(line)?.[1] ?? [],
        );
        names.splice(names.indexOf('test.cvd'), 1); // its header, which each cycle reads
        if (names.length > 0) days.push(names);
        place.proxy.forget();
      }
      const all = days.flat();
      expect(new Set(all).size).toBe(all.length);
      expect(days.length).toBeGreaterThan(1);
      const { files } = parseManifest((await place.store.readManifest())?.text ?? '', '');
      expect(all.length).toBeGreaterThanOrEqual(Object.keys(files).length - 2);
    });

    test('of a CVD alone does not make it the archive’s, also without an inspection', async () => {
      await using place = await attackedBucket(ceph, 5);
      await publishAll(place, 5);
      await cycle(place);
      place.proxy.fault = async ({ line }) => {
        // between the look and the publication
        if (/^PUT .*trial/.test(line)) {
          place.proxy.fault = () => undefined;
          await flipObject(place.bucket, 'test.cvd', 6000);
        }
        return undefined;
      };
      await publishAll(place, 6);
      expect(await place.read('archive/test-5.cvd')).toEqual(await readFile(official('test-5.cvd')));
    });
  });
});
