import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { probe as probeCommand } from '../../scripts/cli/probe.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { offered } from '../support/mirror/cycle.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { describeWithOfficial, describeWithSigns, signFolder } from '../support/setup/official.ts';
import { CLOCK } from '../support/sign/authority.ts';
import { faults, finding, probe } from './support.ts';

const SIGNS = ['test-6.cvd', 'test-6.cdiff', 'test-5.cdiff'].map((name) => `${name}.sign`);

describeWithOfficial('probe --full', () => {
  const ofTest = { databases: ['test'], full: true };

  test('takes no more of a file than it is allowed to', async () => {
    await using upstream = await startUpstream(offered(6));
    const report = await probe(upstream.url, { ...ofTest, maxSize: 1000 });
    expect(finding(report, 'every byte')).toMatchObject({ verdict: 'fault' });
    expect(finding(report, 'every byte')?.what).toContain('more than 1000 bytes');
  });

  test('names a transfer that breaks off, and one that stalls', async () => {
    for (const fault of [{ cutAfter: 600 }, { stallAfter: 600 }]) {
      await using upstream = await startUpstream(offered(6));
      upstream.fail('test-3.cdiff', fault);
      const report = await probe(upstream.url, {
        ...ofTest,
        patience: { idle: 1500, answer: 3000, file: 5000 },
      });
      expect(faults(report)).toEqual(['every byte']);
    }
  });

  describeWithSigns("with Talos' own .sign files", () => {
    const root = () => readFileSync(join(signFolder ?? '', 'clamav-test-root.crt'));
    const trust = () => ({
      ...TALOS,
      roots: [{ certificate: new X509Certificate(root()).raw }],
      now: () => CLOCK,
    });
    const signed = () =>
      new Map([...offered(6), ...SIGNS.map((name) => [name, join(signFolder ?? '', name)] as const)]);

    test('proves them under a root that it trusts', async () => {
      await using upstream = await startUpstream(signed());
      const report = await probe(upstream.url, { ...ofTest, trust: trust() });
      expect(finding(report, 'every byte')?.what).toMatch(/^6 files proven .* 3 of them by \.sign files/);
      expect(finding(report, '.sign files')?.verdict).toBe('good');
    });

    test('calls those under a root that ClamAV does not know a fault, and one that signs another file', async () => {
      await using upstream = await startUpstream(signed());
      const stranger = await probe(upstream.url, { ...ofTest, now: () => CLOCK });
      expect(faults(stranger)).toEqual(['.sign files', 'every byte']);
      upstream.set('test-5.cdiff.sign', join(signFolder ?? '', 'test-4.cdiff.sign'));
      const report = await probe(upstream.url, { ...ofTest, trust: trust() });
      expect(faults(report)).toEqual(['every byte']);
      expect(finding(report, 'every byte')?.what).toContain('test-5.cdiff.sign');
    });
  });
});

describeWithOfficial('the command', () => {
  let said = '';
  beforeEach(() => {
    said = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      said += text;
      return true;
    });
  });
  afterEach(() => void vi.restoreAllMocks());
  const settings = {
    flags: { databases: 'test', dns: 'off', 'user-agent': 'clamav-mirror/test' },
    environment: {},
  };

  test('prints a table for people, and says that all is good', async () => {
    await using upstream = await startUpstream(offered(6));
    expect(await probeCommand(upstream.url, settings, false)).toBe('good');
    expect(said).toMatch(/^test 6\n {2}warning {2}caching/m);
    expect(said).toMatch(/: fit for clients, no faults, (?:no|\d) warnings? \(\d+ requests, [\d.]+ KB\)\n$/);
    expect(upstream.requests.every(({ userAgent }) => userAgent === 'clamav-mirror/test')).toBe(true);
    expect(new Set(upstream.requests.map(({ method }) => method))).toEqual(new Set(['GET', 'HEAD']));
  });

  test('prints one JSON object for machines, without a password, and says that it has failed', async () => {
    await using upstream = await startUpstream(offered(6));
    upstream.fail('test.cvd', { ignoreRange: true });
    expect(await probeCommand(upstream.url.replace('//', '//me:hidden@'), settings, true)).toBe('failed');
    expect(JSON.parse(said)).toMatchObject({ url: upstream.url, verdict: 'failed', databases: { test: 6 } });
    expect(said).not.toContain('hidden');
  });
});
