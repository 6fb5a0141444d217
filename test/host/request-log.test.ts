import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RequestLog } from '../../scripts/host/request-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('lines are written together, within a second', () => {
  const written: string[] = [];
  using log = new RequestLog((lines) => written.push(...lines));
  log.add('one');
  log.add('two');
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(written).toEqual(['one', 'two']);
  log.add('three');
  vi.advanceTimersByTime(1000);
  expect(written).toEqual(['one', 'two', 'three']);
});

test('a busy host does not gather lines until then', () => {
  let written = 0;
  using log = new RequestLog((lines) => {
    written += lines.length;
  });
  for (let n = 0; n < 10_000; n++) log.add('x'.repeat(99));
  expect(written).toBeGreaterThan(9000);
});

test('no line is lost at the end, and nothing is left that keeps the process', () => {
  const written: string[] = [];
  {
    using log = new RequestLog((lines) => written.push(...lines));
    log.add('last');
  }
  expect(written).toEqual(['last']);
  expect(vi.getTimerCount()).toBe(0);
});

test('a reader that stands still is not waited for, and learns how much it missed', () => {
  const written: string[] = [];
  let waiting = 0;
  const log = new RequestLog(
    (lines) => {
      written.push(...lines);
      waiting += lines.join('\n').length;
    },
    { waiting: () => waiting },
  );
  for (let n = 0; n < 100_000; n++) log.add('x'.repeat(99));
  expect(waiting).toBeLessThan(2_000_000);
  const kept = written.length;
  waiting = 0;
  log.add('after');
  log[Symbol.dispose]();
  const [gap, ...rest] = written.slice(kept);
  const missed = 100_000 - kept - (rest.length - 1);
  expect([gap?.startsWith(`${missed} requests`), rest.at(-1)]).toEqual([true, 'after']);
});
