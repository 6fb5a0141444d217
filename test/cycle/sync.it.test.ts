import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseManifest } from '../../scripts/mirror/manifest.ts';
import type { Proof } from '../../scripts/proof/record.ts';
import { skippedHere } from '../support/clamav/engines.ts';
import {
  CDIFFS,
  describeMirror,
  expectNoLeftovers,
  faults,
  hashes,
  namesIn,
  offer,
  PAGES,
  published,
  sha256,
  startMirror,
  updateClient,
} from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';

/** Bytes that a version check may cost upstream. */
const ANY = expect.any(Number);
const TIMES = { survey: ANY, acquire: ANY, prove: ANY, publish: ANY };
const PROBE = 522;
/** Bytes of the answer that there is no `.sign`, which is asked for again in each cycle. */
const NO_SIGN = 10;

describeMirror('clamav-mirror sync', () => {
  const officialHash = async (name: string) => sha256(await readFile(official(name)));

  test('publishes what upstream has, then only asks for one probe', async () => {
    await using mirror = await startMirror();
    const here = await skippedHere();
    const first = await mirror.syncCli();
    expect(first).toMatchObject({ exitCode: 0, signal: null });
    expect(first.json()).toEqual({
      outcome: 'published',
      databases: {
        test: {
          outcome: 'published',
          from: null,
          to: 6,
          how: 'downloaded',
          because: expect.any(String),
          upstream: mirror.upstream.url,
          upstreamBytes: mirror.upstream.sent(),
          notes: [expect.stringContaining('upstream has no test-6.cvd.sign')],
        },
      },
      proof: {
        passed: true,
        started: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
        duration: expect.any(Number),
        databases: { test: 6 },
        engines: [
          { name: 'native', version: expect.stringMatching(/^\d+\.\d+/), fLevel: expect.any(Number) },
        ],
        memory: expect.objectContaining({ usable: expect.any(Number), oneByOne: false }),
        results: expect.toSatisfy((results: Proof['results']) => {
          const fips = results.filter(({ scenario }) => scenario.includes('FIPS'));
          const ofHere = results.filter(({ scenario }) => here.includes(scenario));
          const others = results.filter((one) => !fips.includes(one) && !ofHere.includes(one));
          return (
            others.length === 7 - here.length &&
            ofHere.every(({ result }) => result === 'skipped') &&
            others.every(({ result }) => result === 'passed') &&
            fips.map(({ result }) => result).join() === 'skipped' // upstream has no .sign
          );
        }),
      },
      upstreamBytes: mirror.upstream.sent(),
      duration: expect.any(Number),
      times: TIMES,
    });
    expect(await namesIn(mirror.store)).toEqual(
      ['.clamav-mirror', 'changes', ...PAGES, ...CDIFFS, 'test.cvd'].sort(),
    );
    for (const [name, source] of [
      ...CDIFFS.map((cdiff) => [cdiff, cdiff] as const),
      ['test.cvd', 'test-6.cvd'] as const,
    ]) {
      expect((await hashes(mirror.store)).get(name)).toBe(await officialHash(source));
    }
    expect(await faults(mirror.store)).toEqual([]);
    await expectNoLeftovers(mirror);

    const before = await published(mirror.store);
    mirror.upstream.forget();
    const second = await mirror.syncCli();
    expect(second).toMatchObject({ exitCode: 0, signal: null, stderr: '' });
    expect(second.json()).toEqual({
      outcome: 'unchanged',
      databases: {
        test: {
          outcome: 'unchanged',
          from: 6,
          to: 6,
          how: 'unchanged',
          upstream: mirror.upstream.url,
          upstreamBytes: PROBE + NO_SIGN,
          notes: [],
        },
      },
      proof: null,
      upstreamBytes: PROBE + NO_SIGN,
      duration: expect.any(Number),
      times: { survey: expect.any(Number) },
    });
    expect(mirror.upstream.asked).toEqual(['test.cvd', 'test-6.cvd.sign']);
    expect(mirror.upstream.requests[0]?.range).toBe(`bytes=0-${PROBE - 1}`);
    expect(mirror.upstream.sent('test.cvd')).toBeLessThanOrEqual(PROBE);
    expect(await published(mirror.store)).toEqual(before);
    await expectNoLeftovers(mirror);
  });

  test('brings a mirror and its clients from version 1 to 6 by CDIFFs, without the full CVD', async () => {
    await using mirror = await startMirror(1);
    expect((await mirror.syncCli()).json()).toMatchObject({
      outcome: 'published',
      databases: { test: { to: 1 } },
    });
    const [fresh, old] = [join(mirror.folder, 'fresh'), join(mirror.folder, 'old')];
    expect(await updateClient(mirror.store, old, 1)).toBe('test.cvd 1');

    offer(mirror, 6);
    mirror.upstream.forget();
    const run = await mirror.syncCli();
    expect(run.exitCode).toBe(0);
    expect(run.json()).toMatchObject({
      outcome: 'published',
      databases: { test: { from: 1, to: 6, how: 'rebuilt' } },
    });
    expect(run.json()).toHaveProperty('proof.results.length', 9);
    expect(mirror.upstream.asked.filter((name) => name.endsWith('.cdiff')).sort()).toEqual(CDIFFS);
    expect(mirror.upstream.sent('test.cvd')).toBeLessThanOrEqual(PROBE);
    expect((await hashes(mirror.store)).get('test.cvd')).toBe(await officialHash('test-6.cvd'));
    expect(await faults(mirror.store)).toEqual([]);
    expect(await updateClient(mirror.store, old, 6)).toBe('test.cld 6'); // a CLD is what CDIFFs make
    expect(await updateClient(mirror.store, fresh, 6)).toBe('test.cvd 6');
    await expectNoLeftovers(mirror);

    const manifest = parseManifest(await readFile(join(mirror.store, 'manifest.json'), 'utf8'), mirror.store);
    expect(manifest.databases.test).toMatchObject({
      version: 6,
      signatures: 14,
      cdiffs: { first: 2, last: 6 },
    });
    expect(Object.keys(manifest.files)).toEqual(['archive/test-1.cvd', ...CDIFFS, 'test.cvd']);
    const timestamp = await readFile(join(mirror.store, 'timestamp'), 'utf8');
    const epoch = Math.floor(Date.parse(manifest.checked) / 1000);
    expect(timestamp).toBe(`${epoch} ${manifest.checked}\n`);
    const page = (name: string) => readFile(join(mirror.store, name), 'utf8');
    expect(await page('dns.txt')).toBe(`0:0:0:${epoch}:0:81:0:0\n`);
    expect(JSON.parse(await page('proof.json'))).toEqual(manifest.proof);
    expect(await page('proof.txt')).toMatch(/^Proven together: test 6\n[\s\S]*^native: ClamAV /m);
  });

  test('keeps no more CDIFFs than it is told to', async () => {
    await using mirror = await startMirror(5);
    await mirror.sync({ flags: { cdiffs: '2' } });
    expect(await namesIn(mirror.store)).toContain('test-4.cdiff');
    offer(mirror, 6);
    expect((await mirror.sync({ flags: { cdiffs: '2' } })).outcome).toBe('published');
    expect(Object.keys(await published(mirror.store)).sort()).toEqual([
      'archive/test-5.cvd',
      'test-5.cdiff',
      'test-6.cdiff',
      'test.cvd',
    ]);
    expect(await faults(mirror.store)).toEqual([]);
  });
});
