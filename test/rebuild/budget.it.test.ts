import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TALOS } from '../../scripts/verify/trust.ts';
import { trusting } from '../support/clamav/engines.ts';
import { describeWithSmallDisks, mount } from '../support/machine/small-disk.ts';
import { describeMirror, offer, ofTest, startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { describeWithSigns, signFolder } from '../support/setup/official.ts';

const sign = (name: string) => join(signFolder ?? '', name);

/** A mirror of version 5 whose upstream has just moved to version 6. */
async function publishedFive(): Promise<TestMirror> {
  const mirror = await startMirror(5);
  await mirror.sync({ openProver: async () => trusting });
  offer(mirror, 6);
  mirror.upstream.forget();
  return mirror;
}

describeMirror('one version behind', () => {
  test('a cycle takes the CDIFF and less than 1 KB from upstream', async () => {
    await using mirror = await publishedFive();
    const report = await mirror.sync();
    expect(ofTest(report)).toMatchObject({ outcome: 'published', from: 5, to: 6, how: 'rebuilt' });
    expect(mirror.upstream.sent('test.cvd')).toBe(522);
    expect(mirror.upstream.sent()).toBeLessThanOrEqual(mirror.upstream.sent('test-6.cdiff') + 1024);
    expect(report.upstreamBytes).toBe(mirror.upstream.sent());
  });

  describeWithSmallDisks('and without room for the new version', () => {
    test('a cycle says so, and takes no CVD from upstream for which there is none either', async () => {
      await using mirror = await publishedFive();
      using _ = mount(mirror.work, '36k');
      const report = await mirror.sync({ openProver: async () => trusting });
      expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'file/full', to: 5 });
      expect(mirror.upstream.sent('test.cvd')).toBe(522);
    });
  });

  describeWithSigns('of an upstream with .sign files', () => {
    test('it takes those of the CDIFF and of the CVD too, publishes them unchanged, and nothing more', async () => {
      await using mirror = await publishedFive();
      const signs = ['test-6.cdiff.sign', 'test-6.cvd.sign'];
      for (const name of signs) mirror.upstream.set(name, sign(name));
      const certificate = new X509Certificate(readFileSync(sign('clamav-test-root.crt'))).raw;
      const trust = { ...TALOS, roots: [{ certificate }], now: () => new Date('2026-06-01') };
      expect(ofTest(await mirror.sync({ trust }))).toMatchObject({ outcome: 'published', how: 'rebuilt' });
      const wanted = ['test-6.cdiff', ...signs].reduce((sum, name) => sum + statSync(sign(name)).size, 0);
      expect(mirror.upstream.sent()).toBeLessThanOrEqual(wanted + 1024);
      for (const name of signs) {
        expect(readFileSync(join(mirror.store, name)).equals(readFileSync(sign(name)))).toBe(true);
      }
    });

    test('an invalid .sign is never published, and its database is refused', async () => {
      await using mirror = await publishedFive();
      mirror.upstream.set('test-6.cvd.sign', sign('test-5.cvd.sign'));
      const certificate = new X509Certificate(readFileSync(sign('clamav-test-root.crt'))).raw;
      const trust = { ...TALOS, roots: [{ certificate }], now: () => new Date('2026-06-01') };
      const report = await mirror.sync({ trust });
      expect(ofTest(report)).toMatchObject({ outcome: 'refused', to: 5, code: 'verify/signature' });
    });
  });
});
