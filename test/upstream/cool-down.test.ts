import { describe, expect, test } from 'vitest';
import type { CoolDownMemory } from '../../scripts/upstream/cool-down.ts';
import { CoolDownGuard, retryAfterWait } from '../../scripts/upstream/cool-down.ts';
import { memory } from './support.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

describe('defect 5: Retry-After as an HTTP date crashes it, absurd values are obeyed', () => {
  const waits: Record<string, number | undefined> = {
    '600': 10 * MINUTE,
    ' 600 ': 10 * MINUTE,
    '3600.5': HOUR + 500,
    '0': 5 * MINUTE,
    '0.000035': 5 * MINUTE,
    '1209600': 24 * HOUR,
    '99999999999999999999': 24 * HOUR,
    'Mon, 01 Jun 2026 13:00:00 GMT': HOUR,
    'Monday, 01-Jun-26 13:00:00 GMT': HOUR,
    'Mon, 01 Jun 2026 11:00:00 GMT': 5 * MINUTE,
    'Mon, 15 Jun 2026 12:00:00 GMT': 24 * HOUR,
  };
  test.each(Object.entries(waits))('"%s" is a wait between five minutes and a day', (text, wait) => {
    expect(retryAfterWait(text, NOW)).toBe(wait);
  });

  test.each(['', 'soon', 'in 5 minutes', '-1', '35µs', '1e9', 'Mon, 99 Foo 2026 13:00:00 GMT'])(
    '"%s" says nothing',
    (text) => {
      expect(retryAfterWait(text, NOW)).toBeUndefined();
    },
  );

  test('no Retry-After says nothing', () => {
    expect(retryAfterWait(undefined, NOW)).toBeUndefined();
  });
});

/** What one request is told that upstream refuses. */
async function refuse(guard: CoolDownGuard, status: 403 | 429, retryAfter: string | undefined, file: string) {
  using turn = await guard.turn();
  return await turn.refused({ status, file }, retryAfter);
}

/** The guard of an upstream that has just been asked for two files at once. */
async function midway(kept: CoolDownMemory) {
  const guard = new CoolDownGuard(kept, () => NOW);
  {
    using turn = await guard.turn();
    await turn.good();
  }
  return [await guard.turn(), await guard.turn()] as const;
}

describe('defect 6: a 403 starts no cool-down', () => {
  const starts: [403 | 429, string | undefined, number][] = [
    [403, undefined, 24 * HOUR],
    [403, '600', 24 * HOUR],
    [429, undefined, 4 * HOUR],
    [429, 'nonsense', 4 * HOUR],
    [429, '600', 10 * MINUTE],
  ];
  test.each(starts)('%s with Retry-After %s', async (status, retryAfter, wait) => {
    const kept = memory();
    const error = await refuse(new CoolDownGuard(kept, () => NOW), status, retryAfter, 'daily.cvd');
    expect(error.code).toBe('upstream/cool-down');
    expect(kept.saved?.until).toBe(new Date(NOW.getTime() + wait).toISOString());
  });
});

describe('a cool-down', () => {
  const until = new Date(NOW.getTime() + HOUR).toISOString();
  const at = (time: number) =>
    new CoolDownGuard(memory({ until, reason: 'it said so' }), () => new Date(time));

  test('forbids everything until it is over', () => {
    expect(() => at(NOW.getTime()).requireNone()).toThrow(
      expect.objectContaining({ code: 'upstream/cool-down' }),
    );
    expect(() => at(NOW.getTime() + HOUR - 1).requireNone()).toThrow();
    expect(() => at(NOW.getTime() + HOUR).requireNone()).not.toThrow();
  });

  test('is not obeyed if it lies further ahead than any can: a clock was wrong', () => {
    expect(() => at(NOW.getTime() - 24 * HOUR).requireNone()).not.toThrow();
  });

  test('of a day is obeyed by a clock that is a little behind', async () => {
    const kept = memory();
    await refuse(new CoolDownGuard(kept, () => NOW), 403, undefined, 'daily.cvd');
    const behind = new CoolDownGuard(kept, () => new Date(NOW.getTime() - 2 * MINUTE));
    expect(() => behind.requireNone()).toThrow();
  });

  test('is never made shorter by a later answer', async () => {
    const kept = memory();
    const [one, other] = await midway(kept);
    await one.refused({ status: 403, file: 'daily.cvd' });
    const error = await other.refused({ status: 429, file: 'main.cvd' }, '600');
    expect(kept.saved).toMatchObject({
      until: new Date(NOW.getTime() + 24 * HOUR).toISOString(),
      refused: { status: 403, file: 'daily.cvd' },
    });
    expect(error.message).toContain('daily.cvd');
  });

  test('is made longer by an answer that asks for more', async () => {
    const kept = memory();
    const [one, other] = await midway(kept);
    await one.refused({ status: 429, file: 'daily.cvd' }, '600');
    await other.refused({ status: 403, file: 'main.cvd' });
    expect(kept.saved?.refused).toEqual({ status: 403, file: 'main.cvd' });
  });

  test('names what was refused first, where two are told the same', async () => {
    const kept = memory();
    const [one, other] = await midway(kept);
    await one.refused({ status: 403, file: 'daily.cvd' });
    await other.refused({ status: 403, file: 'main.cvd' });
    expect(kept.saved?.refused).toEqual({ status: 403, file: 'daily.cvd' });
  });
});
