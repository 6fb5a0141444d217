import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { type Job, Schedule } from '../../scripts/proof/schedule.ts';

interface FakeJob extends Job<string> {
  readonly name: string;
  readonly memory: number;
  readonly after?: FakeJob | undefined;
}

/** Jobs that do nothing, and end when a test says so. */
function stage({ slots = 9, memory = 9 } = {}) {
  const running = new Map<string, { resolve(result: string): void; reject(error: Error): void }>();
  const begun: string[] = [];
  const room = { memory };
  const schedule = new Schedule<string, FakeJob>({
    slots,
    fits: (next, beside) => beside.reduce((sum, job) => sum + job.memory, next.memory) <= room.memory,
  });
  return {
    schedule,
    begun,
    room,
    now: () => [...running.keys()].sort(),
    job: (name: string, needs: Partial<Omit<FakeJob, 'name' | 'run'>> = {}): FakeJob => ({
      ...{ name, memory: 0, work: 1, ...needs },
      run: () => {
        begun.push(name);
        const { promise, resolve, reject } = Promise.withResolvers<string>();
        running.set(name, { resolve, reject });
        return promise.finally(() => running.delete(name));
      },
    }),
    end: async (name: string, how: 'well' | 'badly' = 'well') => {
      const job = running.get(name);
      if (job === undefined) throw new Error(`${name} does not run`);
      if (how === 'well') job.resolve(`result of ${name}`);
      else job.reject(new Error(`${name} failed`));
      await turn();
    },
  };
}

describe('jobs that do not build on each other', () => {
  test('run side by side, and their results come in the order in which they were given', async () => {
    const { schedule, job, now, end } = stage();
    const all = schedule.all([job('a'), job('b'), job('c')]);
    expect(now()).toEqual(['a', 'b', 'c']);
    for (const name of ['c', 'a', 'b']) await end(name);
    expect(await all).toEqual(['result of a', 'result of b', 'result of c']);
  });

  test('take no more slots than there are, over all callers', async () => {
    const { schedule, job, now, end } = stage({ slots: 2 });
    const all = [schedule.all([job('a'), job('b')]), schedule.all([job('c'), job('d')])];
    expect(now()).toEqual(['a', 'b']);
    await end('b');
    expect(now()).toEqual(['a', 'c']);
    for (const name of ['a', 'c', 'd']) await end(name);
    expect(await Promise.all(all)).toEqual([
      ['result of a', 'result of b'],
      ['result of c', 'result of d'],
    ]);
  });

  test('begin with what has most work left, with the work of what waits for it', async () => {
    const { schedule, job, begun, end } = stage({ slots: 1 });
    const [first, long] = [job('first of a line', { work: 1 }), job('long', { work: 3 })];
    const [second, third] = [job('second', { work: 1, after: first }), job('short', { work: 1 })];
    const last = job('third', { work: 2, after: second });
    const all = schedule.all([third, long, first, second, last]);
    for (const name of ['first of a line', 'long', 'second', 'third', 'short']) {
      expect(begun.at(-1)).toBe(name);
      await end(name);
    }
    expect(await all).toHaveLength(5);
  });

  test('of the same work begin as they were given', async () => {
    const { schedule, job, begun, end } = stage({ slots: 1 });
    const all = schedule.all(['a', 'b', 'c'].map((name) => job(name)));
    for (const name of ['a', 'b', 'c']) await end(name);
    await all;
    expect(begun).toEqual(['a', 'b', 'c']);
  });
});

describe('a job that builds on another', () => {
  test.each(['well', 'badly'] as const)('begins when that one has ended %s', async (how) => {
    const { schedule, job, now, end } = stage();
    const first = job('first');
    const failing: FakeJob = { ...first, run: () => first.run().catch(() => 'said that it failed') };
    const all = schedule.all([failing, job('beside'), job('second', { after: failing })]);
    expect(now()).toEqual(['beside', 'first']);
    await end('first', how);
    expect(now()).toEqual(['beside', 'second']);
    await end('second');
    await end('beside');
    expect(await all).toHaveLength(3);
  });
});

describe('memory', () => {
  test('is waited for, and what fits begins meanwhile', async () => {
    const { schedule, job, now, end } = stage({ memory: 3 });
    const all = schedule.all([
      job('clamd', { memory: 2, work: 3 }),
      job('other clamd', { memory: 2, work: 3 }),
      job('clamscan', { memory: 1 }),
      job('freshclam'),
    ]);
    expect(now()).toEqual(['clamd', 'clamscan', 'freshclam']);
    await end('clamscan');
    expect(now()).toEqual(['clamd', 'freshclam']);
    await end('clamd');
    expect(now()).toEqual(['freshclam', 'other clamd']);
    await end('other clamd');
    await end('freshclam');
    await all;
  });

  test('of a job that failed is free again', async () => {
    const { schedule, job, now, end } = stage({ memory: 1 });
    const failing = schedule.all([job('a', { memory: 1 })]);
    failing.catch(() => {});
    const other = schedule.all([job('b', { memory: 1 })]);
    expect(now()).toEqual(['a']);
    await end('a', 'badly');
    expect(now()).toEqual(['b']);
    await end('b');
    await expect(failing).rejects.toThrow('a failed');
    expect(await other).toEqual(['result of b']);
  });

  test('that no machine has is no reason to wait for ever: such a job runs alone', async () => {
    const { schedule, job, now, end } = stage({ memory: 1 });
    const all = schedule.all([job('huge', { memory: 5, work: 5 }), job('b', { memory: 1 })]);
    expect(now()).toEqual(['huge']);
    await end('huge');
    await end('b');
    expect(await all).toHaveLength(2);
  });

  test('is looked at again when it is known better', async () => {
    const { schedule, job, now, end, room } = stage({ memory: 1 });
    const all = schedule.all([job('a', { memory: 1 }), job('b', { memory: 1 })]);
    expect(now()).toEqual(['a']);
    room.memory = 2;
    schedule.look();
    expect(now()).toEqual(['a', 'b']);
    await end('a');
    await end('b');
    await all;
  });
});

describe('a job that rejects', () => {
  test('ends what its caller has not begun, waits for what runs, and ends nothing of another caller', async () => {
    const { schedule, job, begun, now, end } = stage({ slots: 3 });
    let isOver = false;
    const first = job('a');
    const failing = schedule.all([first, job('b'), job('never', { after: first })]);
    failing.catch(() => {}).finally(() => (isOver = true));
    const other = schedule.all([job('c'), job('d', { work: 0 })]);
    expect(now()).toEqual(['a', 'b', 'c']);
    await end('a', 'badly');
    expect(now()).toEqual(['b', 'c', 'd']);
    expect(isOver).toBe(false);
    await end('b');
    await expect(failing).rejects.toThrow('a failed');
    await end('c');
    await end('d');
    expect(await other).toEqual(['result of c', 'result of d']);
    expect(begun).not.toContain('never');
  });

  test('is named by the first in order, whichever was first in time', async () => {
    const { schedule, job, end } = stage();
    const all = schedule.all([job('a'), job('b')]);
    all.catch(() => {});
    await end('b', 'badly');
    await end('a', 'badly');
    await expect(all).rejects.toThrow('a failed');
  });
});

test('nothing to do is done at once', async () => {
  expect(await stage().schedule.all([])).toEqual([]);
});
