import { describe, expect, test } from 'vitest';
import { daemonMetrics } from '../../scripts/daemon/answers/metrics.ts';
import { Cycles } from '../../scripts/daemon/cycles/cycles.ts';
import { Outlook } from '../../scripts/daemon/outlook/outlook.ts';
import type { Readiness } from '../../scripts/daemon/outlook/readiness.ts';
import type { Manifest } from '../../scripts/mirror/manifest.ts';
import type { Store } from '../../scripts/store/store.ts';
import { NOW, production } from '../page/facts.ts';
import { temporaryFolder } from '../store/support.ts';
import { EasyClock, ended, seeded } from './support.ts';

const HOUR = 60 * 60_000;
const MAX_AGE = 48 * HOUR;

/** A store that holds what this manifest names, or nothing. Each read is counted. */
function storeOf(manifest: Manifest | undefined) {
  const state = { manifest, reads: 0, isAway: false, lost: '', isUnderWay: false };
  const store = {
    where: '/srv/clamav',
    async readManifest() {
      state.reads++;
      if (state.isAway) throw new Error('the disk is away');
      return state.manifest && { text: JSON.stringify(state.manifest), tag: 'one' };
    },
    async list() {
      const files = Object.entries(state.manifest?.files ?? {}).filter(([name]) => name !== state.lost);
      return new Map(files.map(([name, { size }]) => [name, size]));
    },
  };
  return { state, store: store as unknown as Store };
}

function outlookOn(manifest: Manifest | undefined) {
  const { state, store } = storeOf(manifest);
  const clock = new EasyClock(NOW.toISOString());
  const ending = new AbortController();
  const changes: Readiness[] = [];
  const outlook = new Outlook({
    ...{ store, clock, work: temporaryFolder(), maxAge: MAX_AGE, signal: ending.signal },
    isUnderWay: () => state.isUnderWay,
    onChange: (readiness) => changes.push(readiness),
  });
  const isReady = async () => (await outlook.look()).readiness.ready;
  return { state, clock, ending, changes, outlook, isReady };
}

describe('a mirror is ready', () => {
  test('until its last good check is older than the limit, and tells once when it is not any more', async () => {
    const { clock, changes, isReady } = outlookOn(production(0));
    expect(await isReady()).toBe(true);
    clock.pass(47 * HOUR);
    expect(await isReady()).toBe(true);
    clock.pass(2 * HOUR);
    expect([await isReady(), await isReady()]).toEqual([false, false]);
    expect(changes.map(({ ready }) => ready)).toEqual([true, false]);
    expect(changes.at(-1)?.why).toContain('2 days 1 hour ago');
  });

  test('again after the next good check', async () => {
    const { state, clock, changes, outlook, isReady } = outlookOn(production(3 * 24 * HOUR));
    expect(await isReady()).toBe(false);
    state.manifest = production(0);
    outlook.forget();
    expect(await isReady()).toBe(true);
    clock.pass(HOUR);
    expect(await isReady()).toBe(true);
    expect(changes).toHaveLength(2);
  });

  test.each([
    ['nothing was ever published', undefined, ''],
    ['a file is missing', production(0), 'daily.cvd'],
    ['the proof did not pass', { ...production(0), proof: { ...production(0).proof, passed: false } }, ''],
  ])('never while %s', async (_, manifest, lost) => {
    const { state, isReady } = outlookOn(manifest);
    state.lost = lost;
    expect(await isReady()).toBe(false);
  });

  test('while a publication has replaced files, and its manifest has yet to come', async () => {
    const { state, isReady, outlook } = outlookOn(production(0));
    expect(await isReady()).toBe(true);
    Object.assign(state, { isUnderWay: true, lost: 'daily.cvd' });
    outlook.forget();
    expect(await isReady()).toBe(true);
    state.isUnderWay = false; // what was read before it ended says nothing yet
    expect(await isReady()).toBe(true);
    outlook.forget(); // the cycle died before the manifest came
    expect(await isReady()).toBe(false);
    state.isUnderWay = true;
    outlook.forget();
    expect(await isReady()).toBe(false);
  });

  test('not while the store cannot be read, and at once when it can', async () => {
    const { state, isReady, outlook } = outlookOn(production(0));
    state.isAway = true;
    expect((await outlook.look()).readiness).toEqual({ ready: false, why: 'the disk is away' });
    state.isAway = false;
    expect(await isReady()).toBe(true);
  });

  test('no longer once it is told to end, and then tells nobody', async () => {
    const { ending, changes, isReady } = outlookOn(production(0));
    expect(await isReady()).toBe(true);
    ending.abort();
    expect(await isReady()).toBe(false);
    expect(changes).toHaveLength(1);
  });

  test('by one look at the store, however many ask at once', async () => {
    const { state, clock, isReady } = outlookOn(production(0));
    await Promise.all(Array.from({ length: 100 }, isReady));
    expect(state.reads).toBe(1);
    clock.pass(2_000);
    await isReady();
    expect(state.reads).toBe(2);
  });
});

describe('metrics', () => {
  test('tell of the process, and of the mirror if there is one', async () => {
    const clock = new EasyClock(NOW.toISOString());
    const ending = new AbortController();
    const cycles = new Cycles({
      ...{ every: HOUR, clock, random: seeded(1) },
      coolDownUntil: async () => undefined,
      isPublished: async () => true,
      run: async () => {
        ending.abort();
        return { ...ended('died'), exitCode: null, signal: 'SIGKILL', report: undefined };
      },
    });
    await cycles.run(ending.signal);
    const facts = {
      started: NOW,
      cycles: cycles.facts,
      readiness: { ready: false, why: 'x' },
      requests: new Map([[200, 3]]),
    };
    const text = daemonMetrics(undefined, facts);
    expect(text).not.toContain('clamav_mirror_database_version');
    for (const line of [
      'clamav_mirror_run_ready 0',
      'clamav_mirror_run_cycles_total{outcome="died"} 1',
      'clamav_mirror_run_last_cycle_exit_code{signal="SIGKILL",outcome="died"} -1',
      'clamav_mirror_run_requests_total{status="200"} 3',
      `clamav_mirror_run_start_timestamp_seconds ${NOW.getTime() / 1000}`,
    ])
      expect(text).toContain(`\n${line}\n`);
    const { served } = await outlookOn(production(0)).outlook.look();
    const both = daemonMetrics(served?.status, facts);
    expect(both).toContain('clamav_mirror_database_version{database="daily"} 28001\n');
    expect(both.match(/# EOF/g)).toHaveLength(1);
  });
});
