import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { RequestLog } from '../../scripts/host/request-log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('lines are written together, within a second', () => {
  const written: string[] = [];
  using log = new RequestLog((text) => written.push(text));
  log.add('one');
  log.add('two');
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1000);
  expect(written).toEqual(['one\ntwo\n']);
  log.add('three');
  vi.advanceTimersByTime(1000);
  expect(written).toEqual(['one\ntwo\n', 'three\n']);
});

test('a busy host does not gather lines until then', () => {
  let written = '';
  using log = new RequestLog((text) => {
    written += text;
  });
  for (let n = 0; n < 10_000; n++) log.add('x'.repeat(99));
  expect(written.length).toBeGreaterThan(900_000);
});

test('no line is lost at the end, and nothing is left that keeps the process', () => {
  const written: string[] = [];
  {
    using log = new RequestLog((text) => written.push(text));
    log.add('last');
  }
  expect(written).toEqual(['last\n']);
  expect(vi.getTimerCount()).toBe(0);
});
