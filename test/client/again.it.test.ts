import { afterAll, beforeAll, expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { openOneEngine } from '../../scripts/engine/open-one.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { type RekeyedNative, rekeyedNative } from '../support/clamav/rekeyed.ts';
import { clamav15 } from '../support/clamav-15/clamav-15.ts';
import { describeWithClamav15 } from '../support/clamav-15/part.ts';
import { type ChainLink, makeChain } from '../support/databases/chain.ts';
import { SOUND } from '../support/databases/hostile.ts';
import { makeTestKeys, testTrust } from '../support/databases/signing.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { sampled } from '../support/sample.ts';
import { describeWithClamav } from '../support/setup/official.ts';
import { startConsumer } from './support.ts';

const UPDATES = sampled(4, 10);

describeWithClamav('a client that updates again and again', () => {
  let native: RekeyedNative;
  let chain: readonly ChainLink[];
  beforeAll(async () => {
    native = await rekeyedNative(makeTestKeys().keys);
    const versions = Array.from({ length: UPDATES + 1 }, (_, at) => filesOf(at));
    chain = makeChain('daily', versions, { header: { signatures: 100 } });
  });
  afterAll(() => native[Symbol.asyncDispose]());

  test('takes one whole CVD, and a CDIFF for each version after it', async () => {
    expect(await asked(native.path)).toEqual({ cvds: 1, cdiffs: UPDATES, how: ['whole', 'cdiffs'] });
  });

  describeWithClamav15('with ClamAV 1.5, which leaves CDIFFs in what it builds,', () => {
    test('does so too', { timeout: 300_000 }, async () => {
      await using later = await clamav15({ path: native.path });
      expect(await asked(later.path)).toEqual({ cvds: 1, cdiffs: UPDATES, how: ['whole', 'cdiffs'] });
    });
  });

  /** Follows the chain version by version with the ClamAV of this PATH, and counts what the mirror was asked for. */
  async function asked(path: string) {
    await using consumer = await startConsumer();
    await using mirror = await startUpstream();
    const flags = { databases: 'daily', 'max-age': '0' };
    const openEngine = (work: string) =>
      openOneEngine(parseEngineSpec('native'), { path, work, log: SILENT });
    const how: string[] = [];
    for (const { version, cvd, cdiff } of chain) {
      mirror.set('daily.cvd', cvd);
      if (cdiff !== undefined) mirror.set(`daily-${version}.cdiff`, cdiff);
      const report = await consumer.update(mirror.url, { flags, openEngine, trust: testTrust() });
      expect(report.versions).toEqual({ daily: version });
      how.push(report.how.daily ?? '');
    }
    const taken = (form: RegExp) =>
      mirror.requests.filter(({ name, range }) => form.test(name) && range === undefined).length;
    return { cvds: taken(/\.cvd$/), cdiffs: taken(/\.cdiff$/), how: [...new Set(how)] };
  }
});

/** What a version holds: with each, one signature goes and one comes. */
function filesOf(version: number): Map<string, Uint8Array> {
  const hsb = [version, version + 1].map((id) => `${String(id).padStart(64, '0')}:15:Win.Test.Nobody-${id}`);
  return new Map(
    Object.entries({ ...SOUND, hsb }).map(([extension, lines]) => {
      return [`daily.${extension}`, Buffer.from(lines.map((line) => `${line}\n`).join(''))] as const;
    }),
  );
}
