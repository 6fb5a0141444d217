import { X509Certificate } from 'node:crypto';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TALOS, type Trust } from '../../../scripts/verify/trust.ts';
import { trusting } from '../../support/clamav/engines.ts';
import {
  describeMirror,
  faults,
  hashes,
  namesIn,
  offer,
  ofTest,
  published,
  sha256,
  startMirror,
  startPublished,
  untouched,
  versionOf,
} from '../../support/mirror/cycle.ts';
import type { Fault } from '../../support/mirror/upstream.ts';
import { describeWithSigns, official, signFolder } from '../../support/setup/official.ts';
import { CLOCK } from '../../support/sign/authority.ts';
import { describeWithDnsmasq, startNameserver } from '../../support/web/dns.ts';

/** Serves a file as usual, once: what goes wrong comes after the probe. */
const AFTER_THE_PROBE: Fault = { times: 1, noValidator: true };

describeMirror('defect 2: an older CVD than DNS advertised is recorded as the new version', () => {
  test('an older CVD than the published one is not taken', async () => {
    await using mirror = await startPublished(6, 5);
    const before = await published(mirror.store);
    const report = await mirror.sync();
    expect(ofTest(report)).toMatchObject({
      outcome: 'unchanged',
      from: 6,
      to: 6,
      notes: [expect.any(String)],
    });
    expect(mirror.upstream.asked).toEqual(['test.cvd', 'test-6.cvd.sign']);
    expect(await published(mirror.store)).toEqual(before);
  });

  test('an older CVD than the probed one is not taken', async () => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail('test.cvd', AFTER_THE_PROBE, { change: await readFile(official('test-5.cvd')) });
    const report = await untouched(mirror, () => mirror.sync());
    expect(ofTest(report)).toMatchObject({
      outcome: 'failed',
      code: 'upstream/mislabelled',
      from: 1,
      to: 1,
    });
  });

  test('an older CVD is not taken though the published database is damaged', async () => {
    await using mirror = await startPublished(6, 5);
    await rm(join(mirror.store, 'test-4.cdiff'));
    const report = await untouched(mirror, () => mirror.sync());
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'store/missing', from: 6, to: 6 });
    offer(mirror, 6);
    expect((await mirror.sync()).outcome).toBe('published');
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('an older CVD is not taken over a newer one that a killed run had brought into place', async () => {
    await using mirror = await startPublished(5, 5);
    await copyFile(official('test-6.cvd'), join(mirror.store, 'test.cvd'));
    const report = await untouched(mirror, () => mirror.sync());
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'store/missing' });
    expect(await versionOf(mirror.store)).toBe(6);
  });
});

describeMirror('defect 2: a newer version in DNS than upstream has', () => {
  describeWithDnsmasq('by a real nameserver', () => {
    test('the version is what the CVD says itself, whatever a real nameserver says', async () => {
      await using mirror = await startMirror();
      mirror.upstream.set('bytecode.cvd', official('bytecode.cvd'));
      const now = Math.floor(Date.now() / 1000);
      await using dns = await startNameserver({
        'current.cvd.test': [`1.4.6:63:28034:${now}:1:90:49192:9999`],
      });
      const flags = { databases: 'bytecode', dns: 'current.cvd.test', nameservers: dns.address };
      const change = { flags, openProver: async () => trusting };
      const first = await mirror.sync(change);
      const version = first.databases.bytecode?.to;
      expect(first).toMatchObject({ outcome: 'published', proof: { databases: { bytecode: version } } });
      expect(version).toBeLessThan(9999);
      expect(await readFile(join(mirror.store, 'bytecode.cvd'), 'latin1')).toContain(`:${version}:`);
      const before = await published(mirror.store);
      const second = await mirror.sync(change);
      expect(second.databases.bytecode).toMatchObject({
        outcome: 'unchanged',
        to: version,
        notes: [expect.any(String)],
      });
      expect(await published(mirror.store)).toEqual(before);
    });
  });
});

describeWithSigns('defect 2: the .sign of another version is stored beside a CVD', () => {
  const sign = (name: string) => join(signFolder ?? '', name);
  const trust = async (): Promise<Trust> => {
    const certificate = new X509Certificate(await readFile(sign('clamav-test-root.crt'))).raw;
    return { ...TALOS, roots: [{ certificate }], now: () => CLOCK };
  };

  test('the .sign that is published signs the published version, and goes with it', async () => {
    await using mirror = await startMirror(5);
    for (const version of [5, 6])
      mirror.upstream.set(`test-${version}.cvd.sign`, sign(`test-${version}.cvd.sign`));
    mirror.upstream.set('test-6.cdiff.sign', sign('test-6.cdiff.sign'));
    await mirror.sync({ trust: await trust() });
    expect(await namesIn(mirror.store)).toContain('test-5.cvd.sign');
    offer(mirror, 6);
    expect((await mirror.sync({ trust: await trust() })).outcome).toBe('published');
    const files = await hashes(mirror.store);
    expect([...files.keys()].filter((name) => name.endsWith('.sign')).sort()).toEqual([
      'archive/test-5.cvd.sign',
      'test-6.cdiff.sign',
      'test-6.cvd.sign',
    ]);
    expect(files.get('test-6.cvd.sign')).toBe(sha256(await readFile(sign('test-6.cvd.sign'))));
  });

  test.each(['test-6.cvd.sign', 'test-6.cdiff.sign'])('another %s is refused', async (name) => {
    await using mirror = await startPublished(5, 6);
    offer(mirror, 6);
    mirror.upstream.set(name, sign(name.replace('6', '5')));
    const report = await untouched(mirror, async () => mirror.sync({ trust: await trust() }));
    expect(ofTest(report)).toMatchObject({ outcome: 'refused', code: 'verify/signature', to: 5 });
  });

  test('a .sign that has expired since goes without taking its CVD along', async () => {
    await using mirror = await startMirror(5);
    mirror.upstream.set('test-5.cdiff.sign', sign('test-5.cdiff.sign'));
    await mirror.sync({ trust: await trust() });
    expect(await namesIn(mirror.store)).toContain('test-5.cdiff.sign');
    offer(mirror, 6);
    const later = { ...(await trust()), now: () => new Date('2099-01-01T00:00:00Z') };
    expect((await mirror.sync({ trust: later })).outcome).toBe('published');
    expect(await namesIn(mirror.store)).not.toContain('test-5.cdiff.sign');
    expect(await faults(mirror.store)).toEqual([]);
  });
});
