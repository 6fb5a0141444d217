import { expect, test } from 'vitest';
import { enginesAtOnce } from '../../scripts/proof/memory-budget.ts';

const GIGABYTE = 1e9;
/** main, daily and bytecode together. */
const ALL = 235_000_000;

test.each([
  [3, { memory: 16 * GIGABYTE, cores: 4 }, 3, 'all of three where there is room'],
  [3, { memory: 7 * GIGABYTE, cores: 4 }, 2, 'two in 7 GB'],
  [3, { memory: 16 * GIGABYTE, cores: 2 }, 2, 'one a core'],
  [3, { memory: GIGABYTE, cores: 4 }, 1, 'one after the other in little memory'],
  [1, { memory: 0, cores: 1 }, 1, 'one in any case'],
])('of %d engines, given %o: %d, %s', (engines, machine, expected) => {
  expect(enginesAtOnce(ALL, engines, machine)).toBe(expected);
});

test('this machine has room for one engine and two small databases', () => {
  expect(enginesAtOnce(20_000, 1)).toBe(1);
});
