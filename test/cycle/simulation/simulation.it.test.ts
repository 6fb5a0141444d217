import fc from 'fast-check';
import { afterAll, expect, test, vi } from 'vitest';
import { sampled } from '../../support/sample.ts';
import { anyMonth, openMonths } from './month.ts';
import { makeVersions } from './talos.ts';
import { startUpstreams } from './upstreams.ts';

vi.mock('../../../scripts/rebuild/rebuild-cvd.ts', async () => {
  return { rebuildCvd: (await import('./rebuild-here.ts')).rebuildHere };
});

const versions = makeVersions();
const upstreams = await startUpstreams(versions);
const play = openMonths(versions, upstreams);
afterAll(async () => await upstreams[Symbol.asyncDispose]());

const DAY_MS = 24 * 3_600_000;
/** Months that are played at a time: one waits for its disk while another computes. */
const LANES = 4;

/**
 * The months are the same in each run. A failure names its seed and path, and the shortest month that shows it: play that
 * again by these two.
 */
test.concurrent.each(Array.from({ length: LANES }, (_, lane) => 18 + lane))(
  'through months of faults from seed %d on, what is served is proven, never goes back, and gets well',
  async (seed) => {
    const months = sampled(6, 2500);
    const found = await fc.check(fc.asyncProperty(anyMonth, play), {
      numRuns: months,
      seed,
      endOnFailure: true,
    });
    expect(found.failed, `${found.errorInstance}\n${fc.defaultReportMessage(found)}`).toBe(false);
    expect(found.numRuns).toBe(months);
  },
  DAY_MS,
);
