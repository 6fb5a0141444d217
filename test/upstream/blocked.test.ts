import { describe, expect, test } from 'vitest';
import { State } from '../../scripts/cycle/memory/state.ts';
import type { CoolDownMemory } from '../../scripts/upstream/cool-down.ts';
import { type Fault, startUpstream, type TestUpstream } from '../support/mirror/upstream.ts';
import { startProxy } from './proxy/proxy.ts';
import { memory, openClient, temporaryFolder } from './support.ts';

const NAMES = ['main.cvd', 'daily.cvd', 'bytecode.cvd'];
const FILES = new Map([...NAMES, 'daily-2.cdiff'].map((name) => [name, Buffer.alloc(1000, name)]));
/** ClamAV's own, which a proxy leads to the upstream of the test. */
const OWN = 'http://database.clamav.net';
const PAGE = '<title>Sorry, you have been blocked</title>';
const BLOCKED: Fault = { status: 403, said: PAGE, headers: { 'cf-ray': '8c1f0a2b3c4d5e6f-FRA' } };

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'given',
    (error) => error.code,
  );

/** What becomes of one question for each database, asked at once. */
async function askForAll(upstream: TestUpstream, url: string, coolDown: CoolDownMemory = memory()) {
  await using proxy = await startProxy(Number(new URL(upstream.url).port));
  const proxies = url === upstream.url ? {} : { httpProxy: proxy.url() };
  await using open = openClient(url, { proxies, coolDown });
  const errors: (Error & { code?: string; advice?: string })[] = [];
  const codes = await Promise.all(
    NAMES.map(async (name) => {
      const client = open.another();
      return await codeOf(client.probe(name).catch((error) => Promise.reject(errors.push(error) && error)));
    }),
  );
  return { codes, errors, open };
}

describe("ClamAV's own servers", () => {
  test.each([403, 429])(
    'that say %s to the first of three databases are not asked for the others',
    async (status) => {
      await using upstream = await startUpstream(FILES);
      upstream.fail('*', { ...BLOCKED, status });
      const { codes } = await askForAll(upstream, OWN);
      expect(codes).toEqual(['upstream/cool-down', 'upstream/cool-down', 'upstream/cool-down']);
      expect(upstream.requests).toHaveLength(1);
    },
  );

  test('that answer are asked for all', async () => {
    await using upstream = await startUpstream(FILES);
    expect((await askForAll(upstream, OWN)).codes).toEqual(['given', 'given', 'given']);
    expect(upstream.requests).toHaveLength(3);
  });

  test('that fail at first are asked for all', async () => {
    await using upstream = await startUpstream(FILES);
    upstream.fail('*', { status: 503, times: 2 });
    expect((await askForAll(upstream, OWN)).codes).toEqual(['given', 'given', 'given']);
    expect(upstream.requests).toHaveLength(5);
  });

  test('that block are quoted, and remembered by the file that they blocked', async () => {
    await using upstream = await startUpstream(FILES);
    await using folder = await temporaryFolder();
    upstream.fail('*', BLOCKED);
    const work = folder.path('work');
    const first = await askForAll(upstream, OWN, (await State.load(work)).coolDownOf(OWN));
    const { refused } = (await State.load(work)).lastCoolDownOf(OWN) ?? {};
    const details = { ray: '8c1f0a2b3c4d5e6f-FRA', title: 'Sorry, you have been blocked' };
    expect(refused).toEqual({ status: 403, file: upstream.asked[0], ...details });
    upstream.forget();
    const second = await askForAll(upstream, OWN, (await State.load(work)).coolDownOf(OWN));
    expect(upstream.requests).toEqual([]);
    for (const { message } of [...first.errors, ...second.errors]) {
      for (const word of [refused?.file ?? '?', details.ray, details.title]) expect(message).toContain(word);
    }
  });

  test('mean all files by a 403, also after a good answer', async () => {
    await using upstream = await startUpstream(FILES);
    upstream.fail('daily-2.cdiff', BLOCKED);
    await using proxy = await startProxy(Number(new URL(upstream.url).port));
    await using open = openClient(OWN, { proxies: { httpProxy: proxy.url() } });
    expect(await codeOf(open.client.probe('daily.cvd'))).toBe('given');
    expect(await codeOf(open.client.fetch('daily-2.cdiff', 1000))).toBe('upstream/cool-down');
  });

  test('that have never let us in may have something against our User-Agent', async () => {
    await using upstream = await startUpstream(FILES);
    await using folder = await temporaryFolder();
    const run = async () => {
      const { errors } = await askForAll(
        upstream,
        OWN,
        (await State.load(folder.path('work'))).coolDownOf(OWN, { isRetry: true }),
      );
      return errors.map(({ advice = '' }) => advice.includes('--user-agent'));
    };
    upstream.fail('*', BLOCKED);
    expect(await run()).toEqual([true, true, true]);
    upstream.fail('*');
    expect(await run()).toEqual([]);
    upstream.fail('*', BLOCKED);
    expect(await run()).toEqual([false, false, false]);
  });
});

describe('a retry', () => {
  /** What one run does, with all that it knows of the last one on disk. */
  const run = async (upstream: TestUpstream, work: string, isRetry: boolean) => {
    upstream.forget();
    const { codes } = await askForAll(upstream, OWN, (await State.load(work)).coolDownOf(OWN, { isRetry }));
    return { codes: new Set(codes), requests: upstream.requests.length };
  };

  test('asks once more, and ends the cool-down if upstream answers', async () => {
    await using upstream = await startUpstream(FILES);
    await using folder = await temporaryFolder();
    const work = folder.path('work');
    upstream.fail('*', BLOCKED);
    expect(await run(upstream, work, false)).toEqual({ codes: new Set(['upstream/cool-down']), requests: 1 });
    expect(await run(upstream, work, true)).toEqual({ codes: new Set(['upstream/cool-down']), requests: 1 });
    upstream.fail('*');
    expect(await run(upstream, work, false)).toEqual({ codes: new Set(['upstream/cool-down']), requests: 0 });
    expect(await run(upstream, work, true)).toEqual({ codes: new Set(['given']), requests: 3 });
    expect(await run(upstream, work, false)).toEqual({ codes: new Set(['given']), requests: 3 });
  });

  test('that reaches nobody leaves the cool-down as it is', async () => {
    await using upstream = await startUpstream(FILES);
    await using folder = await temporaryFolder();
    const work = folder.path('work');
    upstream.fail('*', BLOCKED);
    await run(upstream, work, false);
    const before = (await State.load(work)).lastCoolDownOf(OWN);
    upstream.fail('*', { cutAfter: 'head' });
    expect((await run(upstream, work, true)).codes).toEqual(new Set(['upstream/unreachable']));
    expect((await State.load(work)).lastCoolDownOf(OWN)).toEqual(before);
  });

  test('says that it does', async () => {
    const until = '2026-06-01T12:00:00.000Z';
    const setAside = { until, reason: 'it answered 403 to daily.cvd' };
    const said = (now: string) => {
      const lines: string[] = [];
      const log = { info: (line: string) => lines.push(line) };
      openClient(OWN, { coolDown: { ...memory(), setAside }, now: () => new Date(now), log });
      return lines;
    };
    expect(said('2026-06-01T11:00:00Z')).toEqual([expect.stringContaining('asked once more')]);
    expect(said('2026-06-01T13:00:00Z')).toEqual([]);
  });
});

describe('an upstream of somebody else', () => {
  const LACKED: Fault = { status: 403, said: '<Error><Code>AccessDenied</Code></Error>' };

  test('says 403 for what it lacks: that is missing, whichever is asked for first', async () => {
    for (const lacked of NAMES) {
      await using upstream = await startUpstream(FILES);
      upstream.fail(lacked, LACKED);
      const kept = memory();
      const { codes } = await askForAll(upstream, upstream.url, kept);
      expect(codes).toEqual(NAMES.map((name) => (name === lacked ? 'upstream/missing' : 'given')));
      expect(upstream.requests).toHaveLength(3);
      expect(kept.saved).toBeUndefined();
    }
  });

  test('that says 403 to two of three lacks those two', async () => {
    await using upstream = await startUpstream(FILES);
    for (const name of NAMES.slice(0, 2)) upstream.fail(name, LACKED);
    const { codes } = await askForAll(upstream, upstream.url);
    expect(codes).toEqual(['upstream/missing', 'upstream/missing', 'given']);
  });

  test('that says 403 to all does not want us', async () => {
    await using upstream = await startUpstream(FILES);
    upstream.fail('*', LACKED);
    const kept = memory();
    const { codes } = await askForAll(upstream, upstream.url, kept);
    expect(codes).toEqual(['upstream/cool-down', 'upstream/cool-down', 'upstream/cool-down']);
    expect(upstream.requests).toHaveLength(3);
    expect(kept.saved?.refused?.status).toBe(403);
  });

  test('that says 429 is left alone at once', async () => {
    await using upstream = await startUpstream(FILES);
    upstream.fail('*', { status: 429 });
    expect((await askForAll(upstream, upstream.url)).codes[0]).toBe('upstream/cool-down');
    expect(upstream.requests).toHaveLength(1);
  });
});

describe("a proxy's no", () => {
  const SQUID: Fault = {
    status: 403,
    headers: { 'x-squid-error': 'ERR_ACCESS_DENIED 0', via: '1.1 p (squid)' },
  };

  test.each([
    ['squid', SQUID],
    ['a gateway', { status: 403, headers: { via: '1.1 gateway' } }],
    ['a limit of the proxy', { status: 429, headers: { 'proxy-status': 'p; error=http_request_denied' } }],
  ] as [string, Fault][])('of %s starts no cool-down, and is called what it is', async (_, fault) => {
    await using upstream = await startUpstream(FILES);
    upstream.fail('*', fault);
    const kept = memory();
    const { codes } = await askForAll(upstream, OWN, kept);
    expect(codes).toEqual(['upstream/proxy', 'upstream/proxy', 'upstream/proxy']);
    expect(kept.saved).toBeUndefined();
  });

  test('that may pass is tried again', async () => {
    await using upstream = await startUpstream(FILES);
    upstream.fail('main.cvd', { ...SQUID, status: 503, times: 2 });
    expect((await askForAll(upstream, OWN)).codes).toEqual(['given', 'given', 'given']);
  });

  test("in front of somebody else's host is the host's own word about one file", async () => {
    await using upstream = await startUpstream(FILES);
    upstream.fail('daily-2.cdiff', {
      status: 403,
      headers: { via: '1.1 x.cloudfront.example (CloudFront)' },
    });
    await using open = openClient(upstream.url);
    expect(await codeOf(open.client.probe('daily.cvd'))).toBe('given');
    expect(await codeOf(open.client.fetch('daily-2.cdiff', 1000))).toBe('upstream/missing');
  });
});
