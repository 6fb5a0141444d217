import { afterAll, beforeAll, expect, test } from 'vitest';
import { SILENT } from '../../../scripts/base/log.ts';
import type { CycleReport } from '../../../scripts/cycle/report.ts';
import { openEngines } from '../../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../../scripts/engine/spec.ts';
import { proveWith } from '../../../scripts/proof/prove.ts';
import { trusting } from '../../support/clamav/engines.ts';
import {
  type RekeyedImage,
  type RekeyedNative,
  rekeyedImage,
  rekeyedNative,
} from '../../support/clamav/rekeyed.ts';
import { dailyChain, more, offerChain } from '../../support/databases/hostile.ts';
import { makeTestKeys, testTrust } from '../../support/databases/signing.ts';
import { describeWithImages, image, versionOf } from '../../support/docker/docker.ts';
import { describeMirror, startMirror } from '../../support/mirror/cycle.ts';

/** A subsignature that ClamAV has since 1.0, f-level 150: it looks at pictures. */
const SINCE_1_0 = 'fuzzy_img#af2ad01ed42993c7#0';

/** Two versions of ClamAV that trust the tests' keys: this machine's and the oldest one. */
describeMirror('a database', () => {
  describeWithImages('oldest')('proven by an old and a new ClamAV', () => {
    let native: RekeyedNative;
    let oldest: RekeyedImage;
    let [old, version] = ['', ''];
    beforeAll(async () => {
      const { keys } = makeTestKeys();
      [native, oldest] = [await rekeyedNative(keys), await rekeyedImage(image('oldest'), keys)];
      old = `docker:${oldest.image}`;
      version = await versionOf(oldest.image);
    });
    afterAll(async () => {
      await native[Symbol.asyncDispose]();
      await oldest[Symbol.asyncDispose]();
    });

    /** A mirror with a sound daily is offered one that has this logical signature beside the sound ones. */
    async function publishWith(line: string): Promise<CycleReport> {
      await using mirror = await startMirror();
      const chain = dailyChain(more('ldb', line));
      const common = { trust: testTrust(), flags: { databases: 'daily' } };
      offerChain(mirror.upstream, chain, 28_000);
      const first = await mirror.sync({ ...common, openProver: async () => trusting });
      expect(first.outcome, JSON.stringify(first)).toBe('published');
      offerChain(mirror.upstream, chain, 28_001);
      const openProver = async () => {
        const options = { path: native.path, work: mirror.work, log: SILENT };
        return proveWith(await openEngines(['native', old].map(parseEngineSpec), options), {
          now: () => new Date(),
        });
      };
      return await mirror.sync({ ...common, openProver });
    }

    /** How the scenarios of one engine went, each result once. */
    function fared({ proof }: CycleReport, engine: string): string[] {
      const results = proof?.results.filter((one) => one.engine === engine).map(({ result }) => result);
      return [...new Set(results)].filter((result) => result !== 'skipped').sort();
    }

    function expectRefused(report: CycleReport, by: string): void {
      const { daily } = report.databases;
      expect(daily, JSON.stringify(report)).toMatchObject({
        outcome: 'refused',
        code: 'proof/failed',
        to: 28_000,
        offered: 28_001,
      });
      expect(daily?.reason?.startsWith(by), daily?.reason).toBe(true);
      expect(daily?.reason).toMatch(/\bline 2\b.*Can't load daily\.ldb: Malformed database/);
      expect(daily?.reason).not.toContain('\n');
    }

    test('is refused for a construct that only the new one knows: the old one and its line are named', async () => {
      const report = await publishWith(`Win.Test.Later-1;Engine:51-255,Target:0;0;${SINCE_1_0}`);
      expectRefused(report, `${old} (ClamAV ${version}): `);
      expect(fared(report, 'native')).toEqual(['passed']);
      expect(fared(report, old)).toContain('failed');
    });

    test('is published if the same construct asks for an engine that knows it', async () => {
      const report = await publishWith(`Win.Test.Later-1;Engine:150-255,Target:0;0;${SINCE_1_0}`);
      expect(report.databases.daily, JSON.stringify(report)).toMatchObject({
        outcome: 'published',
        to: 28_001,
      });
      expect([fared(report, 'native'), fared(report, old)]).toEqual([['passed'], ['passed']]);
    });

    test('is refused for a line that is malformed and hidden from the old one: the new one is named', async () => {
      const report = await publishWith('Win.Test.Later-1;Engine:150-255,Target:0;0;not hexadecimal');
      expectRefused(report, 'native (ClamAV ');
      expect(fared(report, old)).toEqual(['passed']);
      expect(fared(report, 'native')).toContain('failed');
    });

    test('is refused for a line that is malformed for both', async () => {
      const report = await publishWith('Win.Test.Later-1;Engine:51-255,Target:0;0;not hexadecimal');
      expectRefused(report, 'native (ClamAV ');
      expect(fared(report, 'native')).toContain('failed');
      expect(fared(report, old)).toContain('failed');
    });
  });
});
