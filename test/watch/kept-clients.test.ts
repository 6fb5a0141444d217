import { describe, expect, test } from 'vitest';
import { beginsAnew } from '../../scripts/watch/kept-clients.ts';

const at = (time: string) => new Date(`2026-11-${time}:00Z`);

describe('a client of the watch begins anew', () => {
  test('if it has kept nothing, or says so of the future', () => {
    expect(beginsAnew(undefined, { at: 1, of: 2 }, at('28T10:47'))).toBe(true);
    expect(beginsAnew('2026-11-29T10:47:00Z', { at: 1, of: 2 }, at('28T10:47'))).toBe(true);
  });

  test.each([1, 2, 3, 4])('once in %s days by turns, so that one of them does each day', (of) => {
    const since = Array.from({ length: of }, (): string | undefined => undefined);
    const days = new Map<string, number>();
    for (let hour = 0; hour < 24 * 12; hour += 2) {
      const now = new Date(Date.UTC(2026, 10, 1, hour, 47));
      for (let client = 0; client < of; client++) {
        if (!beginsAnew(since[client], { at: client, of }, now)) continue;
        since[client] = now.toISOString();
        const day = now.toISOString().slice(0, 10);
        days.set(day, (days.get(day) ?? 0) + 1);
      }
    }
    const [first, ...others] = days.values();
    expect(first).toBe(of);
    expect(others).toEqual(Array.from({ length: 11 }, () => 1));
  });
});
