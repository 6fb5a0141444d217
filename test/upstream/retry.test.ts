import { readFile } from 'node:fs/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Agents } from '../../scripts/http/agents.ts';
import { CoolDownGuard } from '../../scripts/upstream/cool-down.ts';
import { UpstreamClient } from '../../scripts/upstream/http-client.ts';
import { type Fault, startUpstream } from '../support/mirror/upstream.ts';
import { memory, NOBODY, openClient, pattern, QUICK, temporaryFolder } from './support.ts';

const CVD = pattern(300_000);
const OTHER = pattern(280_000).map((byte) => byte ^ 0xff);

/** Downloads `daily.cvd` from an upstream with these faults; returns the error's code and what was asked for. */
async function download(...faults: Fault[]) {
  await using upstream = await startUpstream(new Map([['daily.cvd', CVD]]));
  upstream.fail('daily.cvd', ...faults);
  await using open = openClient(upstream.url);
  await using folder = await temporaryFolder();
  const code = await open.client.download('daily.cvd', folder.path('incoming'), 1_000_000).then(
    () => 'downloaded',
    (error) => error.code,
  );
  const { requests } = upstream;
  return {
    code,
    requests,
    ranges: requests.map(({ range }) => range),
    bytes: await readFile(folder.path('incoming')),
  };
}

describe('what may pass is tried again', () => {
  const passing: Record<string, Fault> = {
    'a 500': { status: 500, times: 2 },
    'a 503': { status: 503, times: 2 },
    'a cut before the answer': { cutAfter: 'head', times: 2 },
    'a cut in the body': { cutAfter: 1000, times: 2 },
  };
  test.each(Object.entries(passing))('%s', async (_, fault) => {
    const { code, requests, bytes } = await download(fault);
    expect(code).toBe('downloaded');
    expect(requests).toHaveLength(3);
    expect(bytes.equals(CVD)).toBe(true);
  });

  const lasting: Record<string, [Fault, string]> = {
    'a 500 that stays': [{ status: 500 }, 'upstream/unavailable'],
    'a cut that stays': [{ cutAfter: 0 }, 'upstream/unreachable'],
    'a cut before the answer that stays': [{ cutAfter: 'head' }, 'upstream/unreachable'],
  };
  test.each(Object.entries(lasting))('%s is given up after three attempts', async (_, [fault, expected]) => {
    const { code, requests } = await download(fault);
    expect(code).toBe(expected);
    expect(requests).toHaveLength(3);
  });

  test('a refused connection is given up after three attempts', async () => {
    let dispatched = 0;
    const agents = new Agents(NOBODY, { httpProxy: '', httpsProxy: '', noProxy: '' }, { timeout: 1000 });
    onTestFinished(async () => await agents[Symbol.asyncDispose]());
    const first = agents.first.compose((dispatch) => (options, handler) => {
      dispatched++;
      return dispatch(options, handler);
    });
    Object.defineProperty(agents, 'first', { value: first });
    const client = new UpstreamClient({
      url: NOBODY,
      userAgent: 'test',
      agents,
      coolDown: new CoolDownGuard(memory(), () => new Date()),
      patience: QUICK,
    });
    await expect(client.probe('daily.cvd')).rejects.toMatchObject({ code: 'upstream/unreachable' });
    expect(dispatched).toBe(3);
  });
});

describe('an answer that is a no is not asked for again', () => {
  const answers: Record<number, string> = {
    400: 'upstream/status',
    403: 'upstream/cool-down',
    404: 'upstream/missing',
    410: 'upstream/missing',
    429: 'upstream/cool-down',
  };
  test.each(Object.entries(answers))('%s', async (status, expected) => {
    const { code, requests } = await download({ status: Number(status) });
    expect(code).toBe(expected);
    expect(requests).toHaveLength(1);
  });
});

/** Where the rest begins that was asked for. */
function startOf(range: string | undefined): number {
  return Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
}

describe('after a cut', () => {
  test('the rest is asked for under the condition that the file is still the same', async () => {
    const { code, requests, ranges, bytes } = await download({ cutAfter: 100_000, times: 1 });
    const have = startOf(ranges[1]);
    expect(code).toBe('downloaded');
    expect(have).toBeGreaterThan(0);
    expect(requests).toMatchObject([
      { range: undefined },
      { ifRange: expect.stringMatching(/^"[0-9a-f]+"$/), status: 206, sent: CVD.length - have },
    ]);
    expect(bytes.equals(CVD)).toBe(true);
  });

  test('a second cut is resumed where it happened', async () => {
    const { ranges, bytes } = await download({ cutAfter: 100_000, times: 2 });
    expect(ranges).toHaveLength(3);
    expect(startOf(ranges[2])).toBeGreaterThan(startOf(ranges[1]));
    expect(bytes.equals(CVD)).toBe(true);
  });

  test('a connection that fails in between does not lose what is there', async () => {
    const { ranges, bytes } = await download({ cutAfter: 100_000, times: 1 }, { cutAfter: 'head', times: 1 });
    expect(startOf(ranges[1])).toBeGreaterThan(0);
    expect(ranges).toEqual([undefined, ranges[1], ranges[1]]);
    expect(bytes.equals(CVD)).toBe(true);
  });

  test('a file that has become another one is taken anew', async () => {
    const { requests, bytes } = await download({ cutAfter: 100_000, times: 1 }, { change: OTHER, times: 1 });
    expect(requests).toMatchObject([{ range: undefined }, { range: expect.any(String), status: 200 }]);
    expect(bytes.equals(OTHER)).toBe(true);
  });

  test('a host that overlooks If-Range gives away by its ETag that the file is another one', async () => {
    const { ranges, bytes } = await download(
      { cutAfter: 100_000, times: 1 },
      { change: OTHER, ignoreIfRange: true, times: 1 },
    );
    expect(startOf(ranges[1])).toBeGreaterThan(0);
    expect(ranges).toEqual([undefined, ranges[1], undefined]);
    expect(bytes.equals(OTHER)).toBe(true);
  });

  test('a host that has unlearned Range gives the whole file again', async () => {
    const { ranges, bytes } = await download({ cutAfter: 100_000, times: 1 }, { ignoreRange: true });
    expect(ranges).toHaveLength(2);
    expect(startOf(ranges[1])).toBeGreaterThan(0);
    expect(bytes.equals(CVD)).toBe(true);
  });

  test('without a validator the whole file is asked for again', async () => {
    const { ranges, bytes } = await download({ cutAfter: 100_000, noValidator: true, times: 1 });
    expect(ranges).toEqual([undefined, undefined]);
    expect(bytes.equals(CVD)).toBe(true);
  });

  test('a body without a length is not resumed: who knows how much is left', async () => {
    const { ranges, bytes } = await download({ cutAfter: 100_000, noLength: true, times: 1 });
    expect(ranges).toEqual([undefined, undefined]);
    expect(bytes.equals(CVD)).toBe(true);
  });

  test('a host that gives the rest in pieces is asked for the next piece', async () => {
    const { ranges, bytes } = await download({ cutAfter: 100_000, times: 1 }, { rangeLimit: 1000, times: 1 });
    expect(ranges.map(startOf)).toEqual([0, startOf(ranges[1]), startOf(ranges[1]) + 1000]);
    expect(bytes.equals(CVD)).toBe(true);
  });

  const places = ['bytes 0-299999/300000', 'bytes 299999-299999/300000', 'bytes */300000', 'nonsense'];
  test.each(places)('an answer that says it is "%s" is not trusted', async (contentRange) => {
    const { ranges, bytes } = await download({ cutAfter: 100_000, times: 1 }, { contentRange, times: 1 });
    expect(startOf(ranges[1])).toBeGreaterThan(0);
    expect(ranges).toEqual([undefined, ranges[1], undefined]);
    expect(bytes.equals(CVD)).toBe(true);
  });
});
