import { expect, test } from 'vitest';
import { TimeLimit } from '../../scripts/proof/time-limit.ts';

test('an engine spends its time in scenarios only, each for itself, and is never given no time at all', async () => {
  let now = 0;
  const limit = new TimeLimit(100, () => now);
  now = 1000; // it waits for its turn
  expect(limit.left()).toBe(100);
  const [one, two] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const both = [limit.during(() => one.promise), limit.during(() => two.promise)];
  now = 1030;
  expect(limit.left()).toBe(40);
  one.resolve();
  await both[0];
  now = 1040;
  expect(limit.left()).toBe(30);
  two.reject(new Error('it failed'));
  await expect(both[1]).rejects.toThrow('it failed');
  now = 2000;
  expect(limit.left()).toBe(30);
  const hanging = limit.during(() => new Promise<never>(() => {}));
  now = 3000;
  expect(limit.left()).toBe(1);
  void hanging;
});
