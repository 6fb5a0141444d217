import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anyComparison, type Compared } from '../../soak/differential.ts';
import { ClamavView } from '../../support/clamav/clamav-view.ts';
import { clamav, describeWithClamav } from '../../support/setup/official.ts';

/** Always the same ones; `npm run fuzz` takes others. */
const SEED = 1;
const COUNT = 250;

describeWithClamav('beside real ClamAV', () => {
  let view: ClamavView;
  beforeAll(async () => {
    view = await ClamavView.open(clamav().real ?? clamav());
  });
  afterAll(() => view[Symbol.asyncDispose]());

  test('what we read of changed CVDs, CLDs and CDIFFs is what it reads, or we refuse them', async () => {
    const counts: Record<Compared['ours'], number> = { proven: 0, read: 0, refused: 0 };
    const differences: string[] = [];
    for (const { what, compare } of fc.sample(anyComparison, { seed: SEED, numRuns: COUNT })) {
      const { ours, difference } = await compare(view);
      counts[ours]++;
      if (difference !== undefined) differences.push(`${difference}: ${what}`);
    }
    expect(differences).toEqual([]);
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(COUNT / 20);
  });
});
