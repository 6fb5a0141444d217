import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { State } from '../../../scripts/cycle/memory/state.ts';
import type { CycleReport } from '../../../scripts/cycle/report.ts';
import { trusting } from '../../support/clamav/engines.ts';
import { makeChain } from '../../support/databases/chain.ts';
import { signatureLine } from '../../support/databases/signatures.ts';
import { testTrust } from '../../support/databases/signing.ts';
import {
  faults,
  manifestOf,
  offer,
  offered,
  ofTest,
  type SyncChange,
  startMirror,
  type TestMirror,
  versionOf,
} from '../../support/mirror/cycle.ts';
import { startUpstream, type TestUpstream } from '../../support/mirror/upstream.ts';
import { describeWithOfficial, official } from '../../support/setup/official.ts';
import { describeWithDnsmasq, startNameserver } from '../../support/web/dns.ts';
import { NOBODY } from '../../upstream/support.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** An hour after version 6 was built, when its CDIFF may be late. */
const NEW = Date.parse('2021-06-23T01:34:00Z') + HOUR;

interface Pair extends AsyncDisposable {
  readonly mirror: TestMirror;
  readonly first: TestUpstream;
  readonly second: TestUpstream;
  /** One cycle, so many milliseconds after the beginning; it proves with a stand-in. */
  sync(change?: SyncChange & { readonly passed?: number }): Promise<CycleReport>;
}

/** A mirror of version 5 with two upstreams, each of which offers such a version of database `test`. */
async function startPair(versions: { first: number; second: number }, begin = Date.now()): Promise<Pair> {
  const mirror = await startMirror(5);
  const second = await startUpstream(offered(5));
  const upstream = `${mirror.upstream.url},${second.url}`;
  const pair: Pair = {
    ...{ mirror, first: mirror.upstream, second },
    sync: async ({ passed = 0, flags, ...change } = {}) =>
      await mirror.sync({
        openProver: async () => trusting,
        now: () => new Date(begin + passed),
        ...change,
        flags: { upstream, ...flags },
      }),
    async [Symbol.asyncDispose]() {
      await second[Symbol.asyncDispose]();
      await mirror[Symbol.asyncDispose]();
    },
  };
  expect((await pair.sync()).outcome).toBe('published');
  expect(second.asked).toEqual([]);
  offer(mirror, versions.first);
  for (const [name, path] of offered(versions.second)) second.set(name, path);
  mirror.upstream.forget();
  return pair;
}

const servedBy = async ({ mirror }: Pair) => {
  const { upstream, databases } = await manifestOf(mirror);
  return [upstream.url, databases.test?.source];
};

describeWithOfficial('a cycle with two upstreams', () => {
  test('asks the second for nothing while the first answers', async () => {
    await using pair = await startPair({ first: 6, second: 6 });
    const report = await pair.sync();
    const { url } = pair.first;
    expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 6, how: 'rebuilt', upstream: url });
    expect(ofTest(report).passedOver).toBeUndefined();
    expect(await servedBy(pair)).toEqual([url, url]);
    await pair.sync();
    expect(pair.second.asked).toEqual([]);
  });

  describe('takes the version from the second within the same cycle, and tells of the first, if that', () => {
    const spoilt = () => readFileSync(official('test-6.cvd')).fill(0, 0, 512);
    const faulty: Record<string, [code: string, fail: (first: TestUpstream) => void]> = {
      'asks to be left alone': ['upstream/cool-down', (first) => first.fail('*', { status: 429 })],
      'refuses everything': ['upstream/cool-down', (first) => first.fail('*', { status: 403 })],
      'has no such file': ['upstream/missing', (first) => first.remove('test.cvd')],
      'answers with a page': ['upstream/spoilt', (first) => first.fail('*', { page: '<p>Maintenance</p>' })],
      'has a forged header': ['verify/signature', (first) => first.set('test.cvd', forged())],
      'has a damaged header': ['upstream/spoilt', (first) => first.set('test.cvd', spoilt())],
      'is still at an older version than the published': ['upstream/stale', (first) => set(first, 4)],
      'has no CDIFF for it yet': ['upstream/missing', (first) => first.remove('test-6.cdiff')],
      'asks to be left alone at the CDIFF': [
        'upstream/cool-down',
        (first) => first.fail('test-6.cdiff', { status: 429 }),
      ],
    };
    test.each(Object.entries(faulty))('%s', async (_, [code, fail]) => {
      await using pair = await startPair({ first: 6, second: 6 }, NEW);
      fail(pair.first);
      const report = await pair.sync();
      const { url } = pair.second;
      expect(ofTest(report)).toMatchObject({
        ...{ outcome: 'published', from: 5, to: 6, how: 'rebuilt', upstream: url },
        passedOver: [{ upstream: pair.first.url, code }],
      });
      expect(ofTest(report).notes?.join()).toContain(pair.first.url);
      expect(report.outcome).toBe('published');
      expect(await servedBy(pair)).toEqual([url, url]);
      expect(await faults(pair.mirror.store)).toEqual([]);
    });
  });

  describeWithDnsmasq('told by DNS', () => {
    const [five, six] = makeChain('daily', [5, 6].map(signatures), { from: 5 });
    const filesOf = (version: number): [string, Uint8Array][] => [
      ['daily.cvd', (version === 6 ? six : five)?.cvd ?? Buffer.alloc(0)],
      ...(version === 6
        ? [['daily-6.cdiff', six?.cdiff ?? Buffer.alloc(0)] satisfies [string, Uint8Array]]
        : []),
    ];

    test.each([
      [6, { outcome: 'published', to: 6 }],
      [5, { outcome: 'unchanged', to: 5 }],
    ])(
      'of a version that the first lacks, asks the second, which has %d, in the same cycle',
      async (has, seen) => {
        await using pair = await startPair({ first: 6, second: 6 });
        for (const upstream of [pair.first, pair.second])
          for (const [name, bytes] of filesOf(5)) upstream.set(name, bytes);
        const seconds = Math.floor(Date.now() / 1000);
        await using dns = await startNameserver({ 'current.example': [`0.103.12:62:6:${seconds}:1:90:1:1`] });
        const flags = { databases: 'daily' };
        const told = {
          trust: testTrust(),
          flags: { ...flags, dns: 'current.example', nameservers: dns.address },
        };
        expect(ofDaily(await pair.sync({ trust: testTrust(), flags }))).toMatchObject({ to: 5 });
        for (const [name, bytes] of filesOf(has)) pair.second.set(name, bytes);
        for (const upstream of [pair.first, pair.second]) upstream.forget();
        expect(ofDaily(await pair.sync(told))).toMatchObject({ ...seen, from: 5 });
        const asked = (upstream: TestUpstream) => upstream.asked.filter((name) => name === 'daily.cvd');
        for (const upstream of [pair.first, pair.second]) expect(asked(upstream)).toHaveLength(1);
      },
    );
  });

  test('an upstream that nobody can reach is passed over', async () => {
    await using pair = await startPair({ first: 6, second: 6 });
    const report = await pair.sync({ flags: { upstream: `${NOBODY},${pair.second.url}` } });
    expect(ofTest(report)).toMatchObject({
      outcome: 'published',
      passedOver: [{ upstream: NOBODY, code: 'upstream/unreachable' }],
    });
  });

  test('a wrong file is refused at each by itself, and taken where it is right', async () => {
    await using pair = await startPair({ first: 6, second: 6 });
    const both = [pair.first, pair.second];
    for (const upstream of both) {
      upstream.remove('test-6.cdiff'); // so the whole CVD is asked for
      upstream.set('test.cvd', otherBody());
    }
    const wrong = await pair.sync();
    expect(ofTest(wrong)).toMatchObject({
      ...{ outcome: 'failed', code: 'upstream/spoilt', to: 5, upstream: pair.first.url },
      passedOver: [{ upstream: pair.second.url, code: 'upstream/spoilt' }],
    });
    expect(await versionOf(pair.mirror.store)).toBe(5);
    for (const upstream of both) upstream.forget();
    const held = await pair.sync({ passed: MINUTE });
    expect(ofTest(held)).toMatchObject({ outcome: 'failed', code: 'upstream/doubted' });
    for (const upstream of both) expect(HEADER_AND_SIGN).toEqual(expect.arrayContaining([...upstream.asked]));

    // a third one, which has done nothing wrong, is not held to what the others sent
    await using third = await startUpstream(offered(6));
    const upstream = `${pair.first.url},${pair.second.url},${third.url}`;
    expect(ofTest(await pair.sync({ passed: MINUTE, flags: { upstream } }))).toMatchObject({
      ...{ outcome: 'published', to: 6, upstream: third.url },
      passedOver: [{ code: 'upstream/doubted' }, { code: 'upstream/doubted' }],
    });
  });

  test('each has a cool-down of its own, and is asked for nothing until that is over', async () => {
    await using pair = await startPair({ first: 5, second: 5 });
    pair.first.fail('*', { status: 403, times: 1 });
    expect((await pair.sync()).outcome).toBe('unchanged');
    expect(pair.first.asked).toEqual(['test.cvd']);
    for (let hour = 1; hour < 24; hour += 4)
      expect((await pair.sync({ passed: hour * HOUR })).outcome).toBe('unchanged');
    expect(pair.first.asked).toEqual(['test.cvd']);
    const state = await State.load(pair.mirror.work);
    expect(state.lastCoolDownOf(pair.first.url)).toBeDefined();
    expect(state.lastCoolDownOf(pair.second.url)).toBeUndefined();
    pair.second.forget();
    await pair.sync({ passed: DAY + HOUR });
    expect(pair.first.asked[1]).toBe('test.cvd');
    expect(pair.second.asked).toEqual([]);
  });

  test('--retry asks the first again', async () => {
    await using pair = await startPair({ first: 6, second: 5 });
    pair.first.fail('*', { status: 403, times: 1 });
    expect((await pair.sync()).outcome).toBe('unchanged');
    expect(ofTest(await pair.sync({ flags: { retry: 'true' } }))).toMatchObject({
      ...{ outcome: 'published', to: 6, upstream: pair.first.url },
    });
  });

  test('without an answer from any, the report has what each of them said, and the mirror stays', async () => {
    await using pair = await startPair({ first: 6, second: 6 });
    pair.first.fail('*', { status: 429 });
    pair.second.fail('*', { page: 'we moved' });
    const report = await pair.sync();
    expect(ofTest(report)).toMatchObject({
      ...{ outcome: 'failed', code: 'upstream/cool-down', upstream: pair.first.url },
      passedOver: [{ upstream: pair.second.url, code: 'upstream/spoilt' }],
    });
    expect(await versionOf(pair.mirror.store)).toBe(5);
  });

  test('a bucket that says 403 for what is missing is a mirror as any other', async () => {
    await using pair = await startPair({ first: 6, second: 6 });
    pair.first.fail('*', { status: 429 });
    pair.second.fail('test-6.cdiff.sign', { status: 403 });
    pair.second.fail('test-6.cvd.sign', { status: 403 });
    expect(ofTest(await pair.sync())).toMatchObject({ outcome: 'published', upstream: pair.second.url });
    expect((await State.load(pair.mirror.work)).lastCoolDownOf(pair.second.url)).toBeUndefined();
  });
});

/** The files of such a version of `daily`. */
function signatures(version: number): ReadonlyMap<string, Uint8Array> {
  return new Map([['daily.hdb', Buffer.from(`${signatureLine(version, 1)}`)]]);
}

function ofDaily(report: CycleReport) {
  return report.databases.daily;
}

const HEADER_AND_SIGN = ['test.cvd', 'test-5.cvd.sign'];

function set(upstream: TestUpstream, version: number): void {
  for (const [name, path] of offered(version)) upstream.set(name, path);
}

/** A CVD of version 6 with another MD5 than the signed one. */
function forged(): Buffer {
  const cvd = readFileSync(official('test-6.cvd'));
  const fields = cvd.subarray(0, 512).toString('latin1').split(':');
  fields[5] = '0123456789abcdef0123456789abcdef';
  cvd.write(fields.join(':'), 'latin1');
  return cvd;
}

/** A CVD with the genuine header of version 6 and another body. */
function otherBody(): Buffer {
  return Buffer.concat([
    readFileSync(official('test-6.cvd')).subarray(0, 522),
    readFileSync(official('test-5.cvd')).subarray(522),
  ]);
}
