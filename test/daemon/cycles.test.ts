import { describe, expect, test } from 'vitest';
import type { CycleEnd } from '../../scripts/daemon/cycles/cycle-end.ts';
import { Cycles, type CyclesOptions } from '../../scripts/daemon/cycles/cycles.ts';
import { EasyClock, ended, seeded } from './support.ts';

const MINUTE = 60_000;
const START = Date.parse('2026-06-01T12:00:00.000Z');
const HOURLY = 60 * MINUTE;

/** Runs cycles that end like this, one after the other. Returns the minutes after the start at which each began. */
async function played(ends: readonly CycleEnd[], change: Partial<CyclesOptions> = {}): Promise<number[]> {
  const clock = new EasyClock(new Date(START).toISOString());
  const begun: number[] = [];
  const ending = new AbortController();
  const cycles = new Cycles({
    every: HOURLY,
    coolDownUntil: async () => undefined,
    isPublished: async () => true,
    clock,
    random: seeded(1),
    run: async () => {
      const end = ends[begun.length];
      begun.push(Math.round((clock.now().getTime() - START) / MINUTE));
      if (begun.length === ends.length) ending.abort();
      return end ?? ended('unchanged');
    },
    ...change,
  });
  await cycles.run(ending.signal);
  return begun;
}

describe('cycles', () => {
  test('begin at once, and go on as often as they should', async () => {
    const begun = await played(Array.from({ length: 25 }, () => ended('unchanged')));
    expect(begun[0]).toBe(0);
    const gaps = begun.slice(1).map((at, index) => at - (begun[index] ?? 0));
    for (const gap of gaps) expect(gap).toBeGreaterThanOrEqual(52);
    for (const gap of gaps) expect(gap).toBeLessThanOrEqual(68);
  });

  test.each(['published', 'refused', 'failed', 'died'] as const)(
    'go on by the schedule after one that %s, as long as something is published',
    async (outcome) => {
      const [, second = 0] = await played([ended(outcome), ended('unchanged')]);
      expect(second).toBeGreaterThanOrEqual(52);
    },
  );

  test('are tried again soon while nothing was ever published, or another run has the mirror', async () => {
    const [, first = 0] = await played([ended('failed'), ended('published')], {
      isPublished: async () => false,
    });
    const [, second = 0] = await played([ended('busy'), ended('unchanged')]);
    for (const minutes of [first, second]) {
      expect(minutes).toBeGreaterThanOrEqual(3);
      expect(minutes).toBeLessThanOrEqual(7);
    }
  });

  test.each([
    [
      'one database',
      { databases: { test: { outcome: 'failed', from: 6, to: 6, code: 'upstream/cool-down', reason: 'x' } } },
    ],
    ['all of it', { error: { code: 'upstream/cool-down', message: 'x' } }],
  ] as const)('leave upstream alone until the cool-down of %s is over', async (_, report) => {
    const coolDownUntil = async () => new Date(START + 24 * HOURLY);
    const [, second = 0] = await played([ended('failed', report), ended('unchanged')], { coolDownUntil });
    expect(second).toBeGreaterThan(24 * 60);
    expect(second).toBeLessThan(24 * 60 + 10);
    expect((await played([ended('failed'), ended('unchanged')], { coolDownUntil }))[1]).toBeLessThan(70);
  });

  test('that take longer than the time between two follow one another with a pause', async () => {
    const clock = new EasyClock(new Date(START).toISOString());
    const ending = new AbortController();
    const pauses: number[] = [];
    let last = 0;
    const cycles = new Cycles({
      ...{ every: 10 * MINUTE, clock, random: seeded(2) },
      coolDownUntil: async () => undefined,
      isPublished: async () => true,
      run: async () => {
        if (last > 0) pauses.push((clock.now().getTime() - last) / MINUTE);
        if (pauses.length === 20) ending.abort();
        clock.pass(45 * MINUTE);
        last = clock.now().getTime();
        return ended('unchanged');
      },
    });
    await cycles.run(ending.signal);
    for (const pause of pauses) expect(pause).toBeGreaterThan(2);
    for (const pause of pauses) expect(pause).toBeLessThan(8);
  });
});

describe('a cycle that is asked for', () => {
  test('begins at once, and while one is under way one more follows, however often it is asked for', async () => {
    const ending = new AbortController();
    const runs = Array.from({ length: 4 }, () => Promise.withResolvers<CycleEnd>());
    const begins = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    let [begun, ends] = [0, 0];
    const idle = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
    const cycles = new Cycles({
      every: HOURLY,
      clock: {
        now: () => new Date(START),
        elapsed: () => 0,
        wait: async (_, signal) => {
          idle[begun]?.resolve();
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        },
      },
      random: seeded(3),
      coolDownUntil: async () => undefined,
      isPublished: async () => true,
      run: async () => {
        begins[begun]?.resolve();
        return (await runs[begun++]?.promise) ?? ended('unchanged');
      },
      onEnd: () => void ends++,
    });
    const over = cycles.run(ending.signal);
    await begins[0]?.promise;
    expect([cycles.ask(), cycles.ask(), cycles.ask()]).toEqual(['follows', 'follows', 'follows']);
    expect(cycles.facts.isAsked).toBe(true);
    runs[0]?.resolve(ended('published'));
    await begins[1]?.promise;
    expect(cycles.facts).toMatchObject({ begun: 2, isAsked: false, next: undefined });
    runs[1]?.resolve(ended('unchanged'));
    await idle[2]?.promise; // nobody asked again, so it waits
    expect([begun, ends]).toEqual([2, 2]);
    expect(cycles.ask()).toBe('begins');
    await begins[2]?.promise;
    ending.abort();
    runs[2]?.resolve({ outcome: 'stopped', exitCode: null, signal: 'SIGTERM', report: undefined });
    await over;
    expect(cycles.facts.byOutcome).toMatchObject({ published: 1, unchanged: 1, stopped: 1, died: 0 });
  });
});
