import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { PATIENCE, Pace } from '../../scripts/upstream/pace.ts';
import { type Fault, startUpstream } from '../support/mirror/upstream.ts';
import { openClient, pattern, temporaryFolder } from './support.ts';

const MEGABYTE = 1_000_000;
const CHUNK = 64 * 1024;

/** Lets a file of this size come at so many bytes a second, by a clock that only these bytes move. */
function comes(size: number, bytesPerSecond: number): 'whole' | string {
  let now = 0;
  const pace = new Pace('main.cvd', { ...PATIENCE, clock: () => now });
  pace.begin();
  pace.flow();
  try {
    for (let came = 0; came < size; came += CHUNK) {
      now += (CHUNK / bytesPerSecond) * 1000;
      pace.count(CHUNK);
    }
    return 'whole';
  } catch (error) {
    return Object(error).code;
  }
}

describe('over a slow line', () => {
  test.each([
    [85, 50, 'whole'],
    [85, 33, 'whole'],
    [85, 20, 'whole'],
    [1024, 3, 'whole'], // in four days
    [1024, 500, 'whole'],
    [85, 1, 'upstream/incomplete'],
  ])('%d MB at %d KB/s: %s', (megabytes, kilobytes, expected) => {
    expect(comes(megabytes * MEGABYTE, kilobytes * 1000)).toBe(expected);
  });

  test('is given up after its time where there is a limit', () => {
    let now = 0;
    const pace = new Pace('daily.cvd', { ...PATIENCE, file: 1000, clock: () => now });
    pace.begin();
    pace.flow();
    pace.count(CHUNK);
    now = 1001;
    expect(() => pace.count(CHUNK)).toThrow(expect.objectContaining({ code: 'upstream/slow' }));
  });

  test('what has taken long to begin has its time from there', () => {
    let now = 0;
    const pace = new Pace('daily.cvd', { ...PATIENCE, clock: () => now });
    pace.begin();
    now += 2 * PATIENCE.span;
    pace.flow();
    expect(() => pace.count(1)).not.toThrow();
  });
});

describe('a file that takes twenty times as long as was once allowed', () => {
  const CVD = pattern(10 * MEGABYTE);
  /** A download by a clock that goes on by a millisecond for 50 bytes that were received. */
  const download = async (...faults: Fault[]) => {
    await using upstream = await startUpstream(new Map([['main.cvd', CVD]]));
    upstream.fail('main.cvd', ...faults);
    await using folder = await temporaryFolder();
    let received = 0;
    const own = { least: 10_000, pause: 1, file: Number.POSITIVE_INFINITY };
    const patience = { ...PATIENCE, ...own, clock: () => received / 50 };
    await using open = openClient(upstream.url, { patience });
    const client = open.another((bytes) => {
      received = bytes;
    });
    const code = await client.download('main.cvd', folder.path('incoming'), 20 * MEGABYTE).then(
      () => 'whole',
      (error) => error.code,
    );
    const isWhole = (await readFile(folder.path('incoming'))).equals(CVD);
    return { code, isWhole, requests: upstream.requests, minutes: received / 50 / 60_000 };
  };

  test('arrives at 50 KB/s by one request', async () => {
    const { code, isWhole, requests, minutes } = await download();
    expect({ code, isWhole, requests: requests.length }).toEqual({
      code: 'whole',
      isWhole: true,
      requests: 1,
    });
    expect(minutes).toBeGreaterThan(3);
  });

  test('arrives however often the line is cut, as long as something comes in between', async () => {
    const { code, isWhole, requests } = await download({ cutAfter: MEGABYTE, times: 6 });
    expect({ code, isWhole }).toEqual({ code: 'whole', isWhole: true });
    expect(requests.length).toBe(7);
    expect(requests.every(({ range }, at) => at === 0 || /^bytes=\d{6,}-$/.test(range ?? ''))).toBe(true);
  });

  test('is given up after three attempts that bring next to nothing', async () => {
    const { code, requests } = await download({ cutAfter: MEGABYTE, times: 1 }, { cutAfter: 1000 });
    expect(code).toBe('upstream/unreachable');
    expect(requests).toHaveLength(4);
  });

  test('is given up once attempts that begin anew get no further', async () => {
    const { code, requests } = await download({ cutAfter: MEGABYTE, ignoreRange: true });
    expect(code).toBe('upstream/unreachable');
    expect(requests.length).toBeGreaterThan(3); // the first one got somewhere
  });

  test('arrives though each attempt begins anew, as long as each gets further', async () => {
    const further = [1, 2, 3, 4, 5, 6].map((cut) => ({
      cutAfter: cut * MEGABYTE,
      ignoreRange: true,
      times: 1,
    }));
    const { code, isWhole, requests } = await download(...further);
    expect({ code, isWhole, requests: requests.length }).toEqual({
      code: 'whole',
      isWhole: true,
      requests: 7,
    });
  });

  test('is not asked for by pieces if upstream does not say which file it is', async () => {
    const { code, requests } = await download({ cutAfter: MEGABYTE, noValidator: true });
    expect(code).toBe('upstream/unreachable');
    expect(requests.map(({ range }) => range)).toEqual([undefined, undefined, undefined]);
  });
});
