import { describe, expect, test } from 'vitest';
import { waitUntil } from '../../scripts/daemon/cycles/clock.ts';
import { nextStart } from '../../scripts/daemon/cycles/schedule.ts';
import { EasyClock, seeded } from './support.ts';

const MINUTE = 60_000;
const START = '2026-06-01T12:00:00.000Z';

describe('the next start', () => {
  test.each([5, 7, 10, 15, 30, 60, 360, 1440])(
    'of cycles every %i minutes is in an odd minute, and on average as far away as it should be',
    (every) => {
      const random = seeded(every);
      let at = new Date(START);
      const waits = Array.from({ length: 2000 }, () => {
        const next = nextStart(at, every * MINUTE, random);
        const wait = (next.getTime() - at.getTime()) / MINUTE;
        at = next;
        return { wait, minute: next.getUTCMinutes() };
      });
      expect(waits.filter(({ minute }) => minute % 2 === 0)).toEqual([]);
      for (const { wait } of waits) {
        expect(wait).toBeGreaterThan(every * 0.9 - 2);
        expect(wait).toBeLessThan(every * 1.1 + 2);
      }
      const average = waits.reduce((sum, { wait }) => sum + wait, 0) / waits.length;
      expect(Math.abs(average - every)).toBeLessThan(every * 0.05);
    },
  );

  test('differs from mirror to mirror, by minutes and by seconds', () => {
    const starts = Array.from({ length: 200 }, (_, seed) =>
      nextStart(new Date(START), 60 * MINUTE, seeded(seed))
        .toISOString()
        .slice(14, 19),
    );
    expect(new Set(starts.map((time) => time.slice(0, 2))).size).toBeGreaterThanOrEqual(6);
    expect(new Set(starts).size).toBeGreaterThan(100);
  });
});

describe('waiting for a moment', () => {
  const in10 = new Date(Date.parse(START) + 10 * MINUTE);
  const never = new AbortController().signal;

  test('ends when it has come', async () => {
    const clock = new EasyClock(START);
    await waitUntil(in10, clock, never);
    expect(clock.now()).toEqual(in10);
  });

  test('takes no longer than it should when the clock is set back', async () => {
    const clock = new EasyClock(START);
    const wait = clock.wait.bind(clock);
    clock.wait = async (milliseconds) => {
      await wait(milliseconds);
      clock.set('2020-01-01T00:00:00.000Z');
    };
    await waitUntil(in10, clock, never);
    expect(clock.elapsed()).toBe(10 * MINUTE);
  });

  test('ends early when the machine has slept, or the clock is set forward', async () => {
    const clock = new EasyClock(START);
    const wait = clock.wait.bind(clock);
    clock.wait = async (milliseconds) => {
      await wait(milliseconds);
      clock.set('2026-06-02T12:00:00.000Z');
    };
    await waitUntil(in10, clock, never);
    expect(clock.elapsed()).toBeLessThan(MINUTE);
  });

  test('ends when it is told to', async () => {
    const clock = new EasyClock(START);
    await waitUntil(in10, clock, AbortSignal.abort());
    expect(clock.elapsed()).toBe(0);
  });
});
