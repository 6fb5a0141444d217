import { afterAll, beforeAll, expect, test } from 'vitest';
import { readsSigns } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import type { ProbeReport } from '../../scripts/probe/probe.ts';
import { fakeTools } from '../support/clamav/engines.ts';
import { type Clamav15, clamav15 } from '../support/clamav-15/clamav-15.ts';
import { describeWithClamav15 } from '../support/clamav-15/part.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { startUpstream, type TestUpstream } from '../support/mirror/upstream.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';
import { signedMirror, TestSigner } from '../support/sign/signed-mirror.ts';
import { probe } from './support.ts';

const FRESH = ['DatabaseMirror', 'PrivateMirror'];

describeMirror('probe --client plays real clients', () => {
  describeWithOpenssl('of a mirror with .sign files and an archive', () => {
    let signer: TestSigner;
    let mirror: TestMirror;
    let host: TestUpstream;
    let engine15: Clamav15;
    beforeAll(async () => {
      signer = new TestSigner();
      engine15 = await clamav15({ roots: signer.trust.roots });
      mirror = await signedMirror(signer, 3, 5, 6);
      host = await startUpstream(mirror.store);
    });
    afterAll(async () => {
      await host[Symbol.asyncDispose]();
      await mirror[Symbol.asyncDispose]();
      await engine15[Symbol.asyncDispose]();
      signer[Symbol.dispose]();
    });

    const look = async (client: string) => await probe(host.url, { client, trust: signer.trust });
    /** What it says of its clients: `PrivateMirror: good`. */
    const clients = ({ findings }: ProbeReport) =>
      findings.flatMap(({ check, verdict }) => {
        const [, name] = /^freshclam, (.*)$/.exec(check) ?? [];
        return name === undefined ? [] : [`${name}: ${verdict}`];
      });
    const said = ({ findings }: ProbeReport, name: string) =>
      findings.find(({ check }) => check === `freshclam, ${name}`)?.what;

    test('fresh and behind, and says that an engine before 1.5 knows no FIPS limits', async ({ skip }) => {
      const path = process.env.PATH ?? '';
      skip(readsSigns(await findNativeEngine(path)), 'the native ClamAV knows them');
      const report = await look(path);
      expect(clients(report)).toEqual([
        ...FRESH.map((name) => `${name}: good`),
        'FIPS: good',
        'behind: good',
      ]);
      expect(said(report, 'FIPS')).toMatch(/skipped/);
      expect(said(report, 'behind')).toMatch(/test\.cld 6/);
    });

    describeWithClamav15('from 1.5 on', () => {
      test('each with FIPS limits too', async () => {
        const report = await look(engine15.path);
        expect(clients(report)).toEqual([
          ...FRESH.map((name) => `${name}: good`),
          ...FRESH.map((name) => `${name}, FIPS: good`),
          'behind: good',
          'behind, FIPS: good',
        ]);
        expect(said(report, 'behind, FIPS')).toMatch(/test\.cld 6/);
      });
    });

    describeWithClamav15('of 1.5, and finds that', () => {
      /** With these bytes under a name, or without the file. */
      const withFile = async (name: string, bytes: Uint8Array | undefined, path = engine15.path) => {
        const other = await startUpstream(mirror.store);
        try {
          if (bytes === undefined) other.remove(name);
          else other.set(name, bytes);
          return await probe(other.url, { client: path, trust: signer.trust });
        } finally {
          await other[Symbol.asyncDispose]();
        }
      };

      test('one without a .cvd.sign has nothing for those with FIPS limits, unless they go on by CDIFFs', async () => {
        const report = await withFile('test-6.cvd.sign', undefined);
        expect(clients(report)).toEqual([
          ...FRESH.map((name) => `${name}: good`),
          'FIPS: warning',
          'behind: good',
          'behind, FIPS: good',
        ]);
        expect(said(report, 'FIPS')).toMatch(/test/);
      });

      test('a bad .cvd.sign keeps fresh clients out, and those that are behind go on', async () => {
        const report = await withFile('test-6.cvd.sign', signer.signOfficial('test-5.cvd'));
        expect(clients(report)).toEqual([
          ...FRESH.map((name) => `${name}: fault`),
          ...FRESH.map((name) => `${name}, FIPS: fault`),
          'behind: good',
          'behind, FIPS: good',
        ]);
      });

      test('a bad .cdiff.sign costs those that are behind a whole database', async () => {
        const report = await withFile('test-6.cdiff.sign', signer.signOfficial('test-5.cdiff'));
        expect(said(report, 'behind')).toMatch(/test\.cvd 6/);
        expect(clients(report)).not.toContain('behind: fault');
      });

      test('an archive without a .sign is no place to begin from with FIPS limits', async () => {
        const report = await withFile('archive/test-3.cvd.sign', undefined);
        expect(clients(report).slice(-2)).toEqual(['behind: good', 'behind, FIPS: good']);
        expect(said(report, 'behind, FIPS')).toMatch(/skipped for test/);
      });

      test('a damaged archive is no base for a client, which harms no client', async () => {
        const report = await withFile('archive/test-3.cvd', Buffer.from('not a CVD'));
        expect(clients(report).slice(-1)).toEqual(['behind: warning']);
        expect(report.verdict).toBe('good');
      });

      test('clamscan does not load what freshclam took', async () => {
        await using tools = await fakeTools(
          { clamscan: 'echo "LibClamAV Error: cli_loaddb: no"; exit 2' },
          { path: engine15.path },
        );
        const report = await look(tools.path);
        expect(clients(report).slice(0, 2)).toEqual(FRESH.map((name) => `${name}: fault`));
        expect(said(report, 'DatabaseMirror')).toMatch(/clamscan does not load it/);
      });
    });
  });
});
