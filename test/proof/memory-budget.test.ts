import { describe, expect, test } from 'vitest';
import { MemoryBudget, type Need } from '../../scripts/proof/memory-budget.ts';

const MEGABYTE = 1e6;
const GIGABYTE = 1e9;
/** main, daily and bytecode together. */
const ALL = 107 * MEGABYTE;

const need = (sets: number, name = 'native', memory?: number): Need => ({ sets, engine: { name, memory } });
const [CLAMD, CLAMSCAN, FRESHCLAM] = [need(2), need(1), need(0)];

describe('before anything has been measured', () => {
  test('one engine plays clamd and clamscan at once on a machine of 16 GB, and even two engines clamd', () => {
    const budget = new MemoryBudget(ALL, 14 * GIGABYTE);
    expect(budget.fits(CLAMSCAN, [CLAMD])).toBe(true);
    expect(budget.fits(need(2, 'docker:x'), [CLAMD, CLAMSCAN])).toBe(true);
  });

  test('a machine of 4 GB has no room for a second load beside a clamd, but for any client', () => {
    const budget = new MemoryBudget(ALL, 3 * GIGABYTE);
    expect(budget.fits(CLAMSCAN, [CLAMD])).toBe(false);
    expect(budget.fits(FRESHCLAM, [CLAMD])).toBe(true);
    expect(budget.fits(CLAMD, [FRESHCLAM, FRESHCLAM])).toBe(true);
  });
});

describe('when a load has been measured', () => {
  test('what is small runs side by side after all', () => {
    const budget = new MemoryBudget(ALL, 6 * GIGABYTE);
    expect(budget.fits(CLAMSCAN, [CLAMD])).toBe(false);
    budget.learn(800 * MEGABYTE);
    expect(budget.fits(CLAMSCAN, [CLAMD])).toBe(true);
  });

  test('what is large does not: 2.8 GB for each set, with two engines, stay within 8 of 16 GB', () => {
    const budget = new MemoryBudget(233 * MEGABYTE, 16 * GIGABYTE);
    budget.learn(2.8 * GIGABYTE);
    expect(budget.fits(need(2, 'docker:x'), [CLAMD])).toBe(false);
    expect(budget.fits(CLAMSCAN, [CLAMD])).toBe(false);
    expect(budget.fits(CLAMSCAN, [CLAMSCAN])).toBe(true);
  });

  test('the largest counts, whatever comes later, and a machine that tells nothing changes nothing', () => {
    const budget = new MemoryBudget(ALL, 6 * GIGABYTE);
    for (const bytes of [2 * GIGABYTE, 100 * MEGABYTE, undefined]) budget.learn(bytes);
    expect(budget.record(true)).toEqual({ loaded: 2000, usable: 3000, oneByOne: true });
    expect(budget.fits(CLAMSCAN, [CLAMSCAN])).toBe(false);
    expect(String(budget)).toBe('a loaded set takes 2.0 GB, of 3.0 GB to use');
  });
});

test('the limit of a container counts for what runs in it, and for nothing else', () => {
  const budget = new MemoryBudget(ALL, 100 * GIGABYTE);
  budget.learn(GIGABYTE);
  const inSmall = (sets: number) => need(sets, 'container:small', 3 * GIGABYTE);
  expect(budget.fits(inSmall(1), [inSmall(2)])).toBe(false);
  expect(budget.fits(inSmall(1), [inSmall(1), CLAMD, CLAMD])).toBe(true);
  expect(budget.fits(inSmall(2), [CLAMD])).toBe(true);
  expect(budget.fits(CLAMD, [inSmall(2), CLAMD])).toBe(true);
});

test('the record of a proof that measured nothing says so', () => {
  expect(new MemoryBudget(20_000, GIGABYTE).record(false)).toEqual({ usable: 500, oneByOne: false });
});
