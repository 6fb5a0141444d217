import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeClamSign, parseClamSign } from '../../scripts/cvd/clamsign.ts';
import { startHost } from '../../scripts/host/host.ts';
import type { ProbeOptions } from '../../scripts/probe/probe.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';
import { signedMirror, TestSigner } from '../support/sign/signed-mirror.ts';
import { faults, probe, problems } from './support.ts';

const CHECK = '.sign files';
const [OF_CVD, OF_CDIFF] = ['test-6.cvd.sign', 'test-6.cdiff.sign'];
const DAY = 86_400_000;

describeMirror('the probe judges the .sign files of a mirror', () => {
  describeWithOpenssl('with .sign files of our own', () => {
    let signer: TestSigner;
    let stranger: TestSigner;
    let mirror: TestMirror;
    beforeAll(async () => {
      [signer, stranger] = [new TestSigner(), new TestSigner()];
      mirror = await signedMirror(signer, 6);
    });
    afterAll(async () => {
      await mirror[Symbol.asyncDispose]();
      for (const one of [signer, stranger]) one[Symbol.dispose]();
    });

    const look = async (url: string, change: Partial<ProbeOptions> = {}) =>
      await probe(url, { databases: ['test'], trust: signer.trust, ...change });
    /** What the probe says of `.sign` files, if the mirror has these bytes under these names, or lacks them. */
    const said = async (
      files: Readonly<Record<string, Uint8Array | undefined>>,
      change: Partial<ProbeOptions> = {},
    ) => {
      await using host = await startUpstream(mirror.store);
      for (const [name, bytes] of Object.entries(files)) {
        if (bytes === undefined) host.remove(name);
        else host.set(name, bytes);
      }
      const { findings } = await look(host.url, change);
      return findings.filter(({ check }) => check === CHECK);
    };
    const withoutManifest = { 'manifest.json': undefined };

    test('and gives one that has good ones a clean bill', async () => {
      await using host = await startHost({ folder: mirror.store });
      const report = await look(host.url, { full: true });
      expect(problems(report)).toEqual([]);
      expect(report.signed).toEqual(['test']);
      expect(await said({})).toMatchObject([{ verdict: 'good', what: expect.stringMatching(/manifest/) }]);
    });

    describe('that of a CVD', () => {
      test('is proven by itself where no manifest tells what it signs, and by --full for its CVD', async () => {
        const [one] = await said(withoutManifest);
        expect(one).toMatchObject({ verdict: 'good', what: expect.stringMatching(/by itself/) });
        const other = { ...withoutManifest, [OF_CVD]: signer.signOfficial('test-5.cvd') };
        expect((await said(other)).map(({ verdict }) => verdict)).toEqual(['good']);
        await using host = await startUpstream(mirror.store);
        host.remove('manifest.json');
        host.set(OF_CVD, signer.signOfficial('test-5.cvd'));
        expect(faults(await look(host.url, { full: true }))).toEqual(['every byte']);
      });

      test.for<[string, () => Uint8Array]>([
        ['signs another file', () => signer.signOfficial('test-5.cvd')],
        ['has ended', () => signer.signOfficial('test-6.cvd', { leaf: { until: '2025-06-01' } })],
        ['comes from a root that nobody knows', () => stranger.signOfficial('test-6.cvd')],
      ])('is a fault that keeps clamd from starting if it %s', async ([, make]) => {
        expect(await said({ [OF_CVD]: await make() })).toMatchObject([
          { verdict: 'fault', what: expect.stringMatching(/clamd does not start/) },
        ]);
      });

      test('is a fault that shuts out clients with FIPS limits if it cannot be read', async () => {
        for (const text of ['<!doctype html>', '#clamsign-1.0\n', '#clamsign-1.0\n230::pkcs7-pem:AAAA\n'])
          expect(await said({ [OF_CVD]: Buffer.from(text) })).toMatchObject([
            { verdict: 'fault', what: expect.stringMatching(/clients ignore it.*FIPS/) },
          ]);
      });

      test('is no fault while the manifest is of another version: a publication is under way', async () => {
        const manifest = JSON.parse(await readFile(join(mirror.store, 'manifest.json'), 'utf8'));
        manifest.databases.test.version = 5;
        manifest.files['test.cvd'].sha256 = '0'.repeat(64);
        const [one] = await said({ 'manifest.json': Buffer.from(JSON.stringify(manifest)) });
        expect(one?.verdict).toBe('good');
      });

      test('that is there for later engines only is a warning', async () => {
        const [line] = parseClamSign(signer.signOfficial('test-6.cvd'));
        if (line === undefined) throw new Error('a .sign has a line');
        expect(await said({ [OF_CVD]: encodeClamSign([{ ...line, minFLevel: 231 }]) })).toMatchObject([
          { check: CHECK, verdict: 'warning', what: expect.stringMatching(/not made for all engines/) },
        ]);
      });

      test('is a warning four weeks before it ends, and none before that', async () => {
        const bytes = signer.signOfficial('test-6.cvd', { ca: { until: '2030-07-31' } });
        const verdictOn = async (day: string) => {
          const now = () => new Date(`${day}T12:00:00Z`);
          const [one] = await said({ [OF_CVD]: bytes }, { now, trust: { ...signer.trust, now } });
          return one?.verdict;
        };
        expect(await verdictOn('2030-06-30')).toBe('good');
        expect(await verdictOn('2030-07-04')).toBe('warning');
        expect(await verdictOn('2030-07-30')).toBe('warning');
        expect(await verdictOn('2030-07-31')).toBe('fault');
      });

      test('is a warning with those whom it shuts out if it is missing, with what the mirror says of it', async () => {
        const [unknown] = await said({ ...withoutManifest, [OF_CVD]: undefined });
        expect(unknown).toMatchObject({ verdict: 'warning', what: expect.stringMatching(/FIPS/) });
        const manifest = JSON.parse(await readFile(join(mirror.store, 'manifest.json'), 'utf8'));
        delete manifest.files[OF_CVD];
        const since = new Date(Date.now() - DAY).toISOString();
        manifest.databases.test.sign = { state: 'withheld', since, asked: since, reason: 'it has ended' };
        const described = { [OF_CVD]: undefined, 'manifest.json': Buffer.from(JSON.stringify(manifest)) };
        expect(await said(described)).toMatchObject([
          { verdict: 'warning', what: expect.stringMatching(/withheld since .*it has ended.*FIPS/) },
        ]);
      });

      test('is a fault if the manifest names it and it is not served', async () => {
        expect(await said({ [OF_CVD]: undefined })).toMatchObject([
          { verdict: 'fault', what: expect.stringMatching(/in the manifest and not served.*FIPS/) },
        ]);
      });
    });

    describe('that of a CDIFF', () => {
      test('is never needed', async () => {
        expect(await said({ [OF_CDIFF]: undefined })).toMatchObject([{ verdict: 'good' }]);
      });

      test('is a fault that costs whole downloads if it is not good', async () => {
        const findings = await said({ [OF_CDIFF]: signer.signOfficial('test-5.cdiff') });
        expect(findings.filter(({ verdict }) => verdict !== 'good')).toMatchObject([
          { verdict: 'fault', what: expect.stringMatching(/downloads the whole database/) },
        ]);
      });

      test('is proven by --full for all the steps that are kept', async () => {
        await using host = await startUpstream(mirror.store);
        host.set('test-3.cdiff.sign', signer.signOfficial('test-5.cdiff'));
        expect(faults(await look(host.url))).toEqual([]);
        expect(faults(await look(host.url, { full: true }))).toEqual(['every byte']);
      });
    });

    test('and names a host that answers 403 for one, and one that cuts it off', async () => {
      for (const name of [OF_CVD, OF_CDIFF]) {
        await using host = await startUpstream(mirror.store);
        host.fail(name, { status: 403 });
        const report = await look(host.url);
        expect(report.findings.find(({ verdict }) => verdict === 'fault')).toMatchObject({
          check: CHECK,
          what: expect.stringMatching(/24 hours/),
        });
        host.fail(name, { cutAfter: 100 });
        const cut = (await look(host.url)).findings.find(({ verdict }) => verdict === 'fault');
        expect(cut).toMatchObject({ check: CHECK, what: expect.stringMatching(/breaks off/) });
      }
    });
  });
});
