import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { acquireCdiffs } from '../../../scripts/upstream/acquire/cdiffs.ts';
import { makeCdiff } from '../../support/databases/signing.ts';
import { databasesOf, offered, publishedAs, startAcquiring, versions } from './acquiring.ts';

const CHAIN = versions(40);
const upTo = (version: number) => offered(CHAIN.slice(0, version));
const cdiffs = (...steps: number[]) => steps.map((step) => `test-${step}.cdiff`);
const without = (version: number, ...steps: number[]) => {
  const files = upTo(version);
  for (const name of cdiffs(...steps)) files.delete(name);
  return files;
};

describe('a new mirror', () => {
  test('walks back as far as upstream has CDIFFs, and no further', async () => {
    await using it = await startAcquiring(without(6, 2, 3));
    const chain = await acquireCdiffs('test', 6, undefined, it.parts);
    expect(chain).toEqual({ cdiffs: { first: 4, last: 6 }, missingCdiffs: [] });
    expect(it.staged()).toEqual(cdiffs(4, 5, 6));
    expect(databasesOf(it.upstream.asked)).toEqual(cdiffs(6, 5, 4, 3));
    expect(it.lines).toEqual([expect.stringContaining('no test-3.cdiff')]);
  });

  test('says in one line that a gap keeps it from going further', async () => {
    await using it = await startAcquiring(without(12, 9));
    const chain = await acquireCdiffs('test', 12, undefined, it.parts);
    expect(chain).toEqual({ cdiffs: { first: 10, last: 12 }, missingCdiffs: [] });
    expect(it.lines).toEqual([expect.stringMatching(/test-9\.cdiff.*3 of the last 11 CDIFFs /)]);
  });

  test('walks back to version 2, to which the first CDIFF leads', async () => {
    await using it = await startAcquiring(upTo(3));
    const chain = await acquireCdiffs('test', 3, undefined, it.parts);
    expect(it.lines).toEqual([]);
    expect(chain).toEqual({ cdiffs: { first: 2, last: 3 }, missingCdiffs: [] });
    expect(databasesOf(it.upstream.asked)).toEqual(cdiffs(3, 2));
  });

  test('has no chain if upstream has no CDIFF', async () => {
    await using it = await startAcquiring(new Map());
    const chain = await acquireCdiffs('test', 6, undefined, it.parts);
    expect(chain).toEqual({ cdiffs: null, missingCdiffs: [] });
    expect(databasesOf(it.upstream.asked)).toEqual(cdiffs(6));
  });

  test('takes no more than the window of a long history', async () => {
    await using it = await startAcquiring(upTo(40), { window: 30 });
    const chain = await acquireCdiffs('test', 40, undefined, it.parts);
    expect(chain).toEqual({ cdiffs: { first: 11, last: 40 }, missingCdiffs: [] });
    expect(it.stage.files.size).toBe(30);
    expect(it.upstream.requests).toHaveLength(60);
  });
});

describe('a published mirror', () => {
  test('asks for the CDIFFs since its version only', async () => {
    await using it = await startAcquiring(upTo(6));
    const published = publishedAs({ version: 3, cdiffs: { first: 2, last: 3 } }, cdiffs(2, 3));
    const chain = await acquireCdiffs('test', 6, published, it.parts);
    expect(chain).toEqual({ cdiffs: { first: 2, last: 6 }, missingCdiffs: [] });
    expect(databasesOf(it.upstream.asked)).toEqual(cdiffs(6, 5, 4));
    expect(it.staged()).toEqual(cdiffs(4, 5, 6));
  });

  test('does not ask for the history that it began without', async () => {
    await using it = await startAcquiring(upTo(6));
    const published = publishedAs({ version: 4, cdiffs: { first: 4, last: 4 } }, cdiffs(4));
    const chain = await acquireCdiffs('test', 6, published, it.parts);
    expect(chain).toEqual({ cdiffs: { first: 4, last: 6 }, missingCdiffs: [] });
    expect(databasesOf(it.upstream.asked)).toEqual(cdiffs(6, 5));
  });

  test('defect 8: 39 versions behind it asks for no more than its window', async () => {
    await using it = await startAcquiring(upTo(40), { window: 3 });
    const published = publishedAs({ version: 1 });
    const chain = await acquireCdiffs('test', 40, published, it.parts);
    expect(chain).toEqual({ cdiffs: { first: 38, last: 40 }, missingCdiffs: [] });
    expect(databasesOf(it.upstream.asked)).toEqual(cdiffs(40, 39, 38));
  });

  test('lets the chain begin inside a window that has become smaller', async () => {
    await using it = await startAcquiring(upTo(6), { window: 2 });
    const published = publishedAs({ version: 5, cdiffs: { first: 2, last: 5 } }, cdiffs(2, 3, 4, 5));
    const chain = await acquireCdiffs('test', 6, published, it.parts);
    expect(chain).toEqual({ cdiffs: { first: 5, last: 6 }, missingCdiffs: [] });
  });
});

describe('defect 7: a CDIFF that is missing once is missing for ever', () => {
  const published = publishedAs({ version: 3, cdiffs: { first: 2, last: 3 } }, cdiffs(2, 3));

  test('a gap is remembered, and the chain begins behind it', async () => {
    await using it = await startAcquiring(without(6, 5));
    const chain = await acquireCdiffs('test', 6, published, it.parts);
    expect(chain).toEqual({ cdiffs: { first: 6, last: 6 }, missingCdiffs: [5] });
    expect(it.staged()).toEqual(cdiffs(4, 6));
  });

  test('the newest CDIFF can be the missing one: then there is no chain', async () => {
    await using it = await startAcquiring(without(6, 6));
    const chain = await acquireCdiffs('test', 6, published, it.parts);
    expect(chain).toEqual({ cdiffs: null, missingCdiffs: [6] });
  });

  const gap = publishedAs(
    { version: 6, cdiffs: { first: 6, last: 6 }, missingCdiffs: [5] },
    cdiffs(2, 3, 4, 6),
  );

  test('it is asked for again, alone, and the chain is whole again', async () => {
    await using it = await startAcquiring(upTo(6));
    const chain = await acquireCdiffs('test', 6, gap, it.parts);
    expect(chain).toEqual({ cdiffs: { first: 2, last: 6 }, missingCdiffs: [] });
    expect(databasesOf(it.upstream.asked)).toEqual(cdiffs(5));
    expect(it.staged()).toEqual(cdiffs(5));
  });

  test('it is asked for again beside a new version, and stays remembered if it is still missing', async () => {
    await using it = await startAcquiring(without(7, 5));
    const chain = await acquireCdiffs('test', 7, gap, it.parts);
    expect(chain).toEqual({ cdiffs: { first: 6, last: 7 }, missingCdiffs: [5] });
    expect(databasesOf(it.upstream.asked)).toEqual(cdiffs(7, 5));
  });

  test('it is forgotten once it is older than the window', async () => {
    await using it = await startAcquiring(without(7, 5), { window: 2 });
    const chain = await acquireCdiffs('test', 7, gap, it.parts);
    expect(chain).toEqual({ cdiffs: { first: 6, last: 7 }, missingCdiffs: [] });
  });

  test('a trouble is not a gap', async () => {
    await using it = await startAcquiring(upTo(6));
    it.upstream.fail('test-5.cdiff', { status: 503 });
    await expect(acquireCdiffs('test', 6, published, it.parts)).rejects.toMatchObject({
      code: 'upstream/unavailable',
    });
  });
});

test('a CDIFF of no bytes is mirrored as it is: it tells clients to take the CVD', async () => {
  await using it = await startAcquiring(upTo(4).set('test-3.cdiff', Buffer.alloc(0)));
  const chain = await acquireCdiffs('test', 4, undefined, it.parts);
  expect(chain).toEqual({ cdiffs: { first: 2, last: 4 }, missingCdiffs: [] });
  expect(it.stage.files.get('test-3.cdiff')).toMatchObject({ size: 0, stored: false });
  expect(await readFile(it.stage.path('test-3.cdiff'))).toHaveLength(0);
});

describe('a CDIFF is refused and does not enter the stage', () => {
  const step = CHAIN[5]?.cdiff ?? Buffer.alloc(0);
  const refused: Record<string, [Buffer, string]> = {
    'if it leads to another version': [upTo(5).get('test-5.cdiff') ?? step, 'upstream/mislabelled'],
    'if it is for another database': [versions(6, 'other').at(-1)?.cdiff ?? step, 'upstream/mislabelled'],
    'if a byte of it has changed': [
      step.map((byte, at) => (at === step.length - 9 ? (byte === 0x61 ? 0x62 : 0x61) : byte)) as Buffer,
      'verify/signature',
    ],
    'if it has been cut': [step.subarray(0, step.length / 2), 'upstream/spoilt'],
    'if it is an HTML page': [Buffer.from('<html>Sorry</html>'.repeat(50)), 'upstream/spoilt'],
    'if it changes nothing': [makeCdiff(6, '# nothing to see here\n'.repeat(40)), 'verify/mismatch'],
  };
  test.each(Object.entries(refused))('%s', async (_, [bytes, code]) => {
    await using it = await startAcquiring(upTo(6).set('test-6.cdiff', bytes));
    await expect(acquireCdiffs('test', 6, undefined, it.parts)).rejects.toMatchObject({ code });
    expect(it.staged()).toEqual([]);
  });

  test('if it is larger than the limit', async () => {
    await using it = await startAcquiring(upTo(6), { limits: { cdiff: step.length - 1 } });
    await expect(acquireCdiffs('test', 6, undefined, it.parts)).rejects.toMatchObject({
      code: 'upstream/too-large',
    });
    expect(it.staged()).toEqual([]);
  });
});
