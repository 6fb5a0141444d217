import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { encodeDnsRecord } from '../../scripts/cvd/dns-record.ts';
import { PINNED_IMAGES } from '../../scripts/engine/default-images.ts';
import { featureTag, parseImage } from '../../scripts/engine/images/reference.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { openEngines } from '../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { startHost } from '../../scripts/host/host.ts';
import { parseRunReport } from '../../scripts/notify/run-report.ts';
import { ago, changeManifest, checkedAt } from '../client/support.ts';
import { publishedMirror } from '../probe/support.ts';
import { fakeTools, trusting } from '../support/clamav/engines.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { describeMirror, offer, startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { official } from '../support/setup/official.ts';
import { describeWithDnsmasq, startNameserver } from '../support/web/dns.ts';
import { look, problems, told } from './support.ts';

const HOUR = 3_600_000;

describeMirror('watching a published mirror', () => {
  let mirror: TestMirror;
  beforeAll(async () => {
    mirror = await publishedMirror();
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  test('finds one that is well, with what it serves and what upstream has', async () => {
    await using host = await startHost({ folder: mirror.store });
    const report = await look(host.url, mirror.upstream.url);
    expect(problems(report)).toEqual([]);
    expect(report).toMatchObject({ verdict: 'good', databases: { test: 6 } });
    expect(told(report)).toEqual(['host recovered', 'stale recovered']);
    expect(report.run).toMatchObject({
      serving: { versions: { test: 6 }, url: host.url },
      upstream: { test: 6 },
    });
    expect(report.findings.find(({ check }) => check === 'clamscan, native')?.what).toMatch(
      /finds EICAR, and nothing/,
    );
    expect(parseRunReport(JSON.stringify(report.run))).toEqual(report.run);
  });

  test('calls one stale that nobody has checked for two days, and is in two minds after one', async () => {
    await using copy = await publishedMirror();
    await using host = await startHost({ folder: copy.store });
    await changeManifest(copy.store, checkedAt(ago(36)));
    const after36 = await look(host.url, copy.upstream.url, { engines: [] });
    expect(problems(after36)).toEqual(['last check: warning']);
    expect(told(after36)).toEqual(['host recovered']);
    await changeManifest(copy.store, checkedAt(ago(72)));
    const after72 = await look(host.url, copy.upstream.url, { engines: [] });
    expect(told(after72)).toEqual(['host recovered', 'stale failed']);
    expect(after72.run.failures).toMatchObject([
      { class: 'stale', code: 'watch/stale', advice: expect.stringMatching(/sync/) },
    ]);
    const patient = await look(host.url, copy.upstream.url, {
      engines: [],
      flags: { 'warn-after': '80', 'fail-after': '90' },
    });
    expect(told(patient)).toEqual(['host recovered', 'stale recovered']);
  });

  test('warns of an old pin that proved it or that watches it, which is no failure', async () => {
    await using copy = await publishedMirror();
    await using host = await startHost({ folder: copy.store });
    const [newest, oldest] = PINNED_IMAGES;
    await changeManifest(copy.store, (manifest) => {
      const version = `${featureTag(parseImage(oldest?.image ?? '')?.tag ?? '')}.0`;
      const proof = { ...manifest.proof, engines: [{ name: 'a', version, image: oldest?.image }] };
      return { ...manifest, proof };
    });
    const day = (after: string | undefined, days: number) =>
      new Date(Date.parse(after ?? '') + days * 24 * HOUR);
    const [first, last] = PINNED_IMAGES.map(({ pinned }) => pinned).sort();
    const engine = { ...(await findNativeEngine(process.env.PATH ?? '')), image: newest?.image };
    const aged = async (now: Date, engines = [engine]) => {
      const report = await look(host.url, copy.upstream.url, { engines, now: () => now });
      expect(told(report)).not.toContain('host failed');
      return problems(report);
    };
    const images = (found: readonly string[]) =>
      found.filter((one) => one === 'engine image: warning').length;
    expect(images(await aged(day(first, 59)))).toBe(0);
    expect(images(await aged(day(last, 61)))).toBe(2);
    expect(images(await aged(day(last, 61), []))).toBe(1);
    expect(await aged(day(oldest?.endOfLife, -59), [])).toContain('engine support: warning');
  });

  test('counts from when upstream built what the mirror lacks', async () => {
    await using behind = await startMirror(5);
    await behind.sync({ openProver: async () => trusting });
    offer(behind, 6);
    await using host = await startHost({ folder: behind.store });
    const built = 1_624_412_045_000; // test-6.cvd
    const after = async (hours: number) => {
      const now = new Date(built + hours * HOUR);
      await changeManifest(behind.store, checkedAt(now.toISOString()));
      return await look(host.url, behind.upstream.url, { engines: [], now: () => now });
    };
    expect(told(await after(5))).toEqual(['host recovered', 'stale recovered']);
    expect(problems(await after(36))).toEqual(['behind upstream: warning']);
    const late = await after(72);
    expect(told(late)).toEqual(['host recovered', 'stale failed']);
    expect(late.run).toMatchObject({ serving: { versions: { test: 5 } }, upstream: { test: 6 } });
  });

  describeWithDnsmasq('with DNS that is ahead of upstream', () => {
    test('warns after a day and calls it stale after two, by the last check that was well', async () => {
      const upstream = await startUpstream(new Map([['bytecode.cvd', official('bytecode.cvd')]]));
      const record = (version: number) => encodeDnsRecord({ bytecode: { version, fLevel: 90 } }, new Date());
      await using mirrored = await startMirror();
      const flags = { upstream: upstream.url, databases: 'bytecode' };
      await mirrored.sync({ flags, openProver: async () => trusting });
      await using host = await startHost({ folder: mirrored.store });
      const version = (await look(host.url, upstream.url, { engines: [] })).databases.bytecode ?? 0;
      await using dns = await startNameserver({
        'ahead.test': [record(version + 1)],
        'even.test': [record(version)],
      });
      const after = async (hours: number, name = 'ahead.test') => {
        await changeManifest(mirrored.store, checkedAt(ago(hours)));
        const asked = { dns: name, nameservers: dns.address, 'fail-after': '48' };
        return await look(host.url, upstream.url, { engines: [], flags: asked });
      };
      expect(told(await after(5))).toEqual(['host recovered', 'stale recovered']);
      expect(problems(await after(36))).toContain('behind upstream: warning');
      const late = await after(72);
      expect(problems(late)).toContain('behind upstream: fault');
      expect(late.run.upstream).toEqual({ bytecode: version + 1 });
      upstream.forget();
      expect(told(await after(5, 'even.test'))).toEqual(['host recovered', 'stale recovered']);
      expect(upstream.asked).toEqual([]); // DNS told it all
      const unknown = { engines: [], flags: { dns: 'missing.test', nameservers: dns.address } };
      expect(told(await look(host.url, upstream.url, unknown))).toEqual([
        'host recovered',
        'stale recovered',
      ]);
      expect(upstream.asked).toContain('bytecode.cvd'); // without DNS, it is upstream that tells
      await upstream[Symbol.asyncDispose]();
    });
  });

  describe('finds the host at fault', () => {
    test('if a CDIFF is missing', async () => {
      await using host = await startUpstream(mirror.store);
      host.remove('test-4.cdiff');
      const report = await look(host.url, mirror.upstream.url, { engines: [] });
      expect(told(report)).toEqual(['host failed', 'stale recovered']);
      expect(report.run.failures[0]?.what).toMatch(/^test, cdiffs: the chain has a gap/);
    });

    test('if a real client does not get what the mirror says that it has', async () => {
      await using host = await startUpstream(mirror.store);
      host.fail('test.cvd', ...Array.from({ length: 40 }, () => ({ times: 1 })), { cutAfter: 600 });
      const probed = await look(host.url, mirror.upstream.url, { engines: [] });
      const asked = host.asked.filter((name) => name === 'test.cvd').length;
      host.fail('test.cvd', { times: asked }, { cutAfter: 600 });
      const report = await look(host.url, mirror.upstream.url);
      expect(problems(probed)).toEqual([]);
      expect(problems(report)).toEqual(['freshclam, native: fault']);
      expect(told(report)).toEqual(['host failed', 'stale recovered']);
    });

    test('if what it serves does not find EICAR, or finds something in harmless files', async () => {
      await using host = await startHost({ folder: mirror.store });
      const blind = 'exec "$REAL" "$@" | sed "s/: Eicar-Test-Signature FOUND/: OK/"';
      const wild =
        '"$REAL" "$@" | sed "s/harmless.txt: OK/harmless.txt: Win.Made.Up FOUND/; s/safe.zip: OK/safe.zip: Win.Made.Up FOUND/"; exit 1';
      for (const clamscan of [blind, wild]) {
        await using tools = await fakeTools({ clamscan });
        const engines = [await findNativeEngine(tools.path)];
        expect(problems(await look(host.url, mirror.upstream.url, { engines }))).toEqual([
          'clamscan, native: fault',
        ]);
      }
    });

    test('but not if EICAR has another name than usual: the mirror was proven with it', async () => {
      await using host = await startHost({ folder: mirror.store });
      const clamscan = '"$REAL" "$@" | sed "s/: Eicar-Test-Signature FOUND/: Win.Other-1 FOUND/"; exit 1';
      await using tools = await fakeTools({ clamscan });
      const engines = [await findNativeEngine(tools.path)];
      expect(problems(await look(host.url, mirror.upstream.url, { engines }))).toEqual([]);
    });

    test('if a page stands in for everything: of its age nothing is known', async () => {
      await using host = await startUpstream();
      host.fail('*', { page: '<html>Sign in to the hotel</html>' });
      const report = await look(host.url, mirror.upstream.url, { flags: { databases: 'test' } });
      expect(told(report)).toEqual(['host failed']);
      expect(report.run.serving).toBeNull();
    });

    test('if nothing answers: of its age nothing is known, but GitHub may know that the schedule is off', async () => {
      const host = await startUpstream(mirror.store);
      await host[Symbol.asyncDispose]();
      expect(told(await look(host.url, mirror.upstream.url))).toEqual(['host failed']);
      const workflows = { state: async () => 'disabled_inactivity', lastSuccess: async () => new Date() };
      expect(told(await look(host.url, mirror.upstream.url, { workflows }))).toEqual([
        'host failed',
        'stale failed',
      ]);
    });
  });

  test('tells nobody the password in the URL', async () => {
    await using host = await startUpstream(mirror.store);
    const url = host.url.replace('//', '//me:hidden@');
    expect(told(await look(url, mirror.upstream.url))).toEqual(['host recovered', 'stale recovered']);
    host.fail('test.cvd', { status: 404 });
    host.fail('test-3.cdiff', { status: 500 });
    expect(JSON.stringify(await look(url, mirror.upstream.url))).not.toMatch(/hidden/);
  });

  describeWithImages('oldest')('with the oldest ClamAV in a container', () => {
    test('uses the mirror as its client too', async () => {
      const work = await mkdtemp(join(tmpdir(), 'watch-'));
      await using host = await startHost({ folder: mirror.store });
      const specs = [parseEngineSpec(`docker:${image('oldest')}`)];
      const engines = await openEngines(specs, { path: process.env.PATH ?? '', work, log: SILENT });
      const report = await look(host.url, mirror.upstream.url, { engines });
      expect(problems(report)).toEqual([]);
      expect(report.findings.filter(({ check }) => /docker:/.test(check))).toHaveLength(2);
      await rm(work, { recursive: true });
    });
  });
});
