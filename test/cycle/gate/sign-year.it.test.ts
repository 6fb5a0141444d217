import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeClamSign, parseClamSign } from '../../../scripts/cvd/clamsign.ts';
import { type Host, startHost } from '../../../scripts/host/host.ts';
import { parseManifest } from '../../../scripts/mirror/manifest.ts';
import { signLines } from '../../../scripts/status/text.ts';
import type { Trust } from '../../../scripts/verify/trust.ts';
import { trusting } from '../../support/clamav/engines.ts';
import { type ChainLink, makeChain } from '../../support/databases/chain.ts';
import { signatureLine } from '../../support/databases/signatures.ts';
import { testTrust } from '../../support/databases/signing.ts';
import { namesIn, ofTest, startMirror, type TestMirror } from '../../support/mirror/cycle.ts';
import type { ChainChange } from '../../support/sign/authority.ts';
import { describeWithOpenssl } from '../../support/sign/openssl.ts';
import { TestSigner } from '../../support/sign/signed-official.ts';
import { look, told } from '../../watch/support.ts';

const DAY = 24 * 60 * 60_000;
const START = Date.parse('2030-01-01T00:00:00Z');
const day = (days: number) => new Date(START + days * DAY);
const dateOf = (days: number) => day(days).toISOString().slice(0, 10);

/** Every database of the year, and the day on which upstream built it. */
const BUILT = [0, 1, 10, 60, 100, 150, 200];

/** What one day shows: what clients can get, and what is told about it. */
interface Shown {
  /** The version that is served, with `+sign` if its `.sign` is. */
  readonly served: string;
  /** What `status` says of the `.sign`: that it is good, or the state that it is in. */
  readonly status: 'good' | 'ending' | 'missing' | 'withheld';
  /** What the watch tells the notifier: whose failure opens an issue. */
  readonly watch: readonly string[];
}

describeWithOpenssl('a year of .sign files', () => {
  let mirror: TestMirror;
  let host: Host;
  const signer = new TestSigner();
  const versions = chainOfTheYear();
  const trust = (at: Date): Trust => testTrust({ roots: signer.trust.roots, now: () => at });
  const nameOf = (version: number) => `test-${version}.cvd.sign`;
  const cvdOf = (version: number) => versions[version - 1]?.cvd ?? Buffer.alloc(0);
  const signOf = (version: number, change: ChainChange = { leaf: { until: '2040-01-01' } }) =>
    signer.sign(cvdOf(version), change);

  beforeAll(async () => {
    mirror = await startMirror(6);
    for (const name of ['test.cvd', ...[2, 3, 4, 5, 6].map((step) => `test-${step}.cdiff`)])
      mirror.upstream.remove(name);
    await mkdir(mirror.store);
    host = await startHost({ folder: mirror.store });
  });
  afterAll(async () => {
    await host.close();
    await mirror[Symbol.asyncDispose]();
    signer[Symbol.dispose]();
  });

  /** Upstream's newest version is this one, with the CDIFF to it. */
  function offer(version: number, sign?: Uint8Array): void {
    mirror.upstream.set('test.cvd', cvdOf(version));
    const cdiff = versions[version - 1]?.cdiff;
    if (cdiff !== undefined) mirror.upstream.set(`test-${version}.cdiff`, cdiff);
    if (sign === undefined) mirror.upstream.remove(nameOf(version));
    else mirror.upstream.set(nameOf(version), sign);
  }

  /** A cycle on that day, and what is to be seen after it. */
  async function on(days: number): Promise<Shown & { readonly outcome: string }> {
    const at = day(days);
    const report = await mirror.sync({
      now: () => at,
      trust: trust(at),
      openProver: async () => trusting,
    });
    const names = await namesIn(mirror.store);
    expect(names, JSON.stringify(report)).toContain('manifest.json');
    const manifest = parseManifest(await readFile(join(mirror.store, 'manifest.json'), 'utf8'), mirror.store);
    const record = manifest.databases.test;
    if (record === undefined) throw new Error('nothing is published');
    const [line = ''] = signLines('test', record, at);
    const watched = await look(host.url, mirror.upstream.url, {
      engines: [],
      trust: trust(at),
      now: () => at,
    });
    return {
      outcome: ofTest(report).outcome ?? '',
      served: `${record.version}${names.includes(nameOf(record.version)) ? '+sign' : ''}`,
      status: /withheld/.test(line)
        ? 'withheld'
        : /FIPS/.test(line)
          ? line.includes('valid until')
            ? 'ending'
            : 'missing'
          : 'good',
      watch: told(watched).filter((one) => one.endsWith('failed')),
    };
  }

  test('comes with the first version', async () => {
    offer(1, signOf(1));
    expect(await on(0.1)).toEqual({ outcome: 'published', served: '1+sign', status: 'good', watch: [] });
  });

  test('late by a cycle: the version waits for it', async () => {
    offer(2);
    expect(await on(1.1)).toEqual({ outcome: 'failed', served: '1+sign', status: 'good', watch: [] });
    offer(2, signOf(2));
    expect(await on(1.3)).toEqual({ outcome: 'published', served: '2+sign', status: 'good', watch: [] });
  });

  test('missing for a week: the version comes after a day, and an issue two days later', async () => {
    await on(9.9);
    offer(3);
    expect(await on(10.5)).toEqual({ outcome: 'failed', served: '2+sign', status: 'good', watch: [] });
    const missing = { served: '3', status: 'missing', watch: [] };
    expect(await on(11.1)).toEqual({ ...missing, outcome: 'published' });
    expect(await on(12)).toEqual({ ...missing, outcome: 'unchanged' });
    const told = { ...missing, outcome: 'unchanged', watch: ['stale failed'] };
    expect(await on(13.5)).toEqual(told);
    expect(await on(16)).toEqual(told);
    offer(3, signOf(3));
    expect(await on(17)).toEqual({ outcome: 'published', served: '3+sign', status: 'good', watch: [] });
  });

  test('signed anew for the same version: taken within a day', async () => {
    const anew = signOf(3, { leaf: { until: '2041-01-01' } });
    mirror.upstream.set(nameOf(3), anew);
    expect(await on(40)).toMatchObject({ outcome: 'published', served: '3+sign', status: 'good' });
    expect(await readFile(join(mirror.store, nameOf(3)))).toEqual(anew);
  });

  test('odd in each way: withheld, the database comes, and the next good one heals it', async () => {
    const text = signOf(4).toString('latin1');
    const [line] = parseClamSign(signOf(4));
    if (line === undefined) throw new Error('a .sign has a line');
    const odd = [
      text.trimEnd(),
      text.replaceAll('\n', '\r\n'),
      text.replace(/\n$/, ' \n'),
      `${text}garbage\n`,
      Buffer.from(encodeClamSign([{ ...line, signature: Buffer.concat([line.signature, Buffer.alloc(2)]) }])),
      Buffer.from(encodeClamSign([{ ...line, minFLevel: 220 }])),
      text.replace('#clamsign-1.0', '#clamsign-1.1'),
      '#clamsign-1.0\n',
      '<html>Sorry</html>',
    ];
    for (const [at, sign] of odd.entries()) {
      offer(4, Buffer.from(sign));
      expect(await on(60.1 + at / 10), String(at)).toEqual({
        outcome: at === 0 ? 'published' : 'unchanged',
        served: '4',
        status: 'withheld',
        watch: [],
      });
    }
    expect(await on(63)).toMatchObject({ status: 'withheld', watch: ['stale failed'] });
    offer(4, signOf(4));
    expect(await on(64)).toEqual({ outcome: 'published', served: '4+sign', status: 'good', watch: [] });
  });

  test('by a root that nobody knows, and without its intermediate certificate: withheld', async () => {
    const names = { root: { name: 'Their Root' }, ca: { name: 'Their CA' }, leaf: { name: 'Them' } };
    offer(5, signer.sign(cvdOf(5), names));
    expect(await on(100.1)).toMatchObject({ outcome: 'published', served: '5', status: 'withheld' });
    const { leaf } = signer.authority.chain();
    const alone = encodeClamSign([
      {
        minFLevel: 230,
        maxFLevel: undefined,
        signature: signer.authority.signFile(cvdOf(5), { leaf, embedded: [] }),
      },
    ]);
    offer(5, alone);
    expect(await on(100.5)).toMatchObject({ outcome: 'unchanged', served: '5', status: 'withheld' });
    offer(5, signOf(5));
    expect(await on(101)).toMatchObject({ outcome: 'published', served: '5+sign', status: 'good' });
  });

  test('broken, by a signer that we know: the new version is refused and the old one stays', async () => {
    offer(6, signOf(5));
    expect(await on(150.5)).toMatchObject({ outcome: 'refused', served: '5+sign', status: 'good' });
    offer(6, signOf(6, { leaf: { until: dateOf(190) } }));
    expect(await on(151.1)).toMatchObject({ outcome: 'published', served: '6+sign', status: 'good' });
  });

  test('ending: told four weeks ahead; ended while upstream is down: gone half a day before', async () => {
    await on(160.9);
    expect(await on(161)).toMatchObject({ served: '6+sign', status: 'good', watch: [] });
    expect(await on(163)).toMatchObject({ outcome: 'unchanged', served: '6+sign', status: 'ending' });
    mirror.upstream.fail('*', { status: 404 });
    expect(await on(189.4)).toMatchObject({ outcome: 'failed', served: '6+sign', status: 'ending' });
    expect(await on(189.6)).toMatchObject({ outcome: 'failed', served: '6', status: 'withheld' });
    const later = await on(192);
    expect(later).toMatchObject({ outcome: 'failed', served: '6', status: 'withheld' });
    expect(later.watch).toContain('stale failed');
    mirror.upstream.fail('*');
    mirror.upstream.set(nameOf(6), signOf(6));
    expect(await on(193)).toMatchObject({
      outcome: 'published',
      served: '6+sign',
      status: 'good',
      watch: [],
    });
  });

  test('unchanged to the end of the year: one conditional request a day', async () => {
    offer(7, signOf(7));
    expect(await on(200.1)).toMatchObject({ outcome: 'published', served: '7+sign', status: 'good' });
    mirror.upstream.forget();
    for (const days of [201.2, 201.4, 202.3, 364]) await on(days);
    const asked = mirror.upstream.requests.filter(
      ({ name, headers }) => name === nameOf(7) && headers['if-none-match'] !== undefined,
    );
    expect(asked.map(({ status }) => status)).toEqual([304, 304, 304]);
    expect(await on(365)).toMatchObject({ served: '7+sign', status: 'good', watch: [] });
  });
});

/** One version for each day of `BUILT`, with one signature more than the one before. */
function chainOfTheYear(): ChainLink[] {
  const lines = [...Array(BUILT.length + 1).keys()].map((id) => signatureLine(0, id));
  return BUILT.flatMap((built, at) => {
    const files = [at, at + 1].map((count) => {
      return new Map([['test.hdb', Buffer.from(lines.slice(0, count + 1).join(''))]]);
    });
    // `Tue, 01 Jan 2030 00:00:00 GMT` as a header has it
    const time = `${day(built).toUTCString().slice(5, 16)} 00-00 +0000`;
    const header = { time, stime: day(built).getTime() / 1000 };
    const from = at === 0 ? 1 : at;
    const chain = makeChain('test', at === 0 ? files.slice(1) : files, { from, header });
    return chain.slice(-1);
  });
}
