import { afterAll, beforeAll, expect, test } from 'vitest';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { startHost } from '../../scripts/host/host.ts';
import { changeManifest, checkedAt } from '../client/support.ts';
import { publishedMirror } from '../probe/support.ts';
import { trusting } from '../support/clamav/engines.ts';
import { type Clamav15, clamav15 } from '../support/clamav-15/clamav-15.ts';
import { describeWithClamav15 } from '../support/clamav-15/part.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';
import { signedMirror, TestSigner } from '../support/sign/signed-mirror.ts';
import { look, problems, told } from './support.ts';

const HOUR = 3_600_000;
const OF_CVD = 'test-6.cvd.sign';

describeMirror('watching the .sign files of a published mirror', () => {
  describeWithOpenssl('with .sign files of our own', () => {
    let signer: TestSigner;
    let mirror: TestMirror;
    let engine15: Clamav15;
    beforeAll(async () => {
      signer = new TestSigner();
      mirror = await signedMirror(signer, 6);
      engine15 = await clamav15({ roots: signer.trust.roots });
    });
    afterAll(async () => {
      await mirror[Symbol.asyncDispose]();
      await engine15[Symbol.asyncDispose]();
      signer[Symbol.dispose]();
    });

    describeWithClamav15('by ClamAV 1.5', () => {
      test('plays a client with FIPS limits, since the engine knows them', async () => {
        await using host = await startHost({ folder: mirror.store });
        const engines = [await findNativeEngine(engine15.path)];
        const report = await look(host.url, mirror.upstream.url, { engines, trust: signer.trust });
        expect(problems(report)).toEqual([]);
        const checks = report.findings.map(({ check }) => check).filter((check) => check.includes('native'));
        expect(checks).toEqual([
          'freshclam, native',
          'clamscan, native',
          'freshclam, native, FIPS',
          'clamscan, native, FIPS',
        ]);
        expect(told(report)).toEqual(['host recovered', 'stale recovered']);
      });
    });

    test('is patient with one that is missing, warns after a day, and tells after two, until it is there', async () => {
      await using late = await publishedMirror();
      await using host = await startHost({ folder: late.store });
      const begun = Date.now();
      const after = async (hours: number) => {
        const now = new Date(begun + hours * HOUR);
        await changeManifest(late.store, checkedAt(now.toISOString()));
        const change = { engines: [], trust: signer.trust, now: () => now };
        return await look(host.url, late.upstream.url, change);
      };
      expect(told(await after(5))).toEqual(['host recovered', 'stale recovered']);
      const day = await after(36);
      expect(problems(day)).toEqual(['sign: warning']);
      expect(told(day)).toEqual(['host recovered']);
      const days = await after(72);
      expect(told(days)).toEqual(['host recovered', 'stale failed']);
      expect(days.run.failures).toMatchObject([
        { class: 'stale', what: expect.stringMatching(/test, sign: missing for 3 days.*FIPS/) },
      ]);
      late.upstream.set(OF_CVD, signer.signOfficial('test-6.cvd'));
      const now = () => new Date(begun + 73 * HOUR);
      await late.sync({ trust: signer.trust, now, openProver: async () => trusting });
      const well = await after(74);
      expect(told(well)).toEqual(['host recovered', 'stale recovered']);
      expect(well.signed).toEqual(['test']);
    });

    test('says nothing of an age that an older mirror does not tell, but that it is missing', async () => {
      await using old = await publishedMirror();
      await changeManifest(old.store, ({ databases: { test: record } }) => {
        if (record === undefined) throw new Error('the manifest knows the database');
        const { sign: _, ...without } = record;
        return { databases: { test: without } };
      });
      await using host = await startHost({ folder: old.store });
      const report = await look(host.url, old.upstream.url, { engines: [] });
      expect(told(report)).toEqual(['host recovered', 'stale recovered']);
      expect(report.findings.find(({ check }) => check === '.sign files')).toMatchObject({
        verdict: 'warning',
      });
    });

    test('warns before one ends, and finds the host at fault once it has ended', async () => {
      await using host = await startUpstream(mirror.store);
      host.set(OF_CVD, signer.signOfficial('test-6.cvd', { leaf: { until: '2030-07-31' } }));
      const on = async (day: string) => {
        const now = () => new Date(`${day}T12:00:00Z`);
        const trust = { ...signer.trust, now };
        const { findings, run } = await look(host.url, mirror.upstream.url, { engines: [], trust, now });
        const sign = findings.find(({ check }) => check === '.sign files');
        return [sign?.verdict, run.failures.some((failure) => failure.class === 'host')];
      };
      expect(await on('2030-06-30')).toEqual(['good', false]);
      expect(await on('2030-07-10')).toEqual(['warning', false]);
      expect(await on('2030-07-31')).toEqual(['fault', true]);
    });

    describeWithClamav15('by ClamAV 1.5,', () => {
      test('finds the host at fault for a bad one, as a client with FIPS limits does, and recovers', async () => {
        await using host = await startUpstream(mirror.store);
        const engines = [await findNativeEngine(engine15.path)];
        const watched = async () =>
          await look(host.url, mirror.upstream.url, { engines, trust: signer.trust });
        host.set(OF_CVD, signer.signOfficial('test-5.cvd'));
        const bad = await watched();
        expect(told(bad)).toEqual(['host failed', 'stale recovered']);
        expect(problems(bad)).toEqual(['freshclam, native: fault', 'freshclam, native, FIPS: fault']);
        expect(bad.run.failures[0]?.what).toMatch(/clamd does not start/);
        host.set(OF_CVD, signer.signOfficial('test-6.cvd'));
        expect(told(await watched())).toEqual(['host recovered', 'stale recovered']);
      });
    });
  });
});
