import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { UNSEALED } from '../../../scripts/cvd/header.ts';
import { checkFile } from '../../../scripts/mirror/check/check-file.ts';
import { TALOS } from '../../../scripts/verify/trust.ts';
import { trusting } from '../../support/clamav/engines.ts';
import {
  compressingFreshclam,
  cvdupdateAt,
  describeWithUpdateClients,
  freshclam,
} from '../../support/clamav/update-clients.ts';
import {
  CDIFFS,
  describeMirror,
  faults,
  hashes,
  manifestOf,
  namesIn,
  offer,
  ofTest,
  sha256,
  startMirror,
} from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';
import { startNameserver } from '../../support/web/dns.ts';
import { fateOf, fates, keptBy, traces } from './folder.ts';

const PROBE = 522;
const quick = { openProver: async () => trusting };

/** cvdupdate asks for it in any case. */
const RECORD = { 'current.cvd.clamav.net': ['0:0:0:0:0:0:0:0'] };

describeMirror('the folder of a real', () => {
  describeWithUpdateClients('cvdupdate', () => {
    test('is adopted: no whole CVD is taken from upstream, and a step of five costs five CDIFFs', async () => {
      await using dns = await startNameserver(RECORD);
      await using mirror = await startMirror(1);
      const given = await keptBy(cvdupdateAt(dns.address), mirror, 1);
      const before = await traces(given);
      offer(mirror, 6);
      mirror.upstream.forget();
      const report = await mirror.sync({ flags: { adopt: given } });
      expect(ofTest(report)).toMatchObject({ outcome: 'published', from: null, to: 6, how: 'rebuilt' });
      expect(fateOf(report, 'test.cvd')?.outcome).toBe('adopted');
      expect(mirror.upstream.sent('test.cvd')).toBe(PROBE);
      expect(mirror.upstream.asked.filter((name) => name.endsWith('.cdiff')).sort()).toEqual(CDIFFS);
      expect((await hashes(mirror.store)).get('test.cvd')).toBe(
        sha256(await readFile(official('test-6.cvd'))),
      );
      expect(await faults(mirror.store)).toEqual([]);
      expect(await traces(given)).toEqual(before);
    });

    test('brings its CDIFFs into the window, so that old clients go on by them', async () => {
      await using dns = await startNameserver(RECORD);
      await using mirror = await startMirror(1);
      const given = await keptBy(cvdupdateAt(dns.address), mirror, 3, 6);
      const cdiffs = (await namesIn(given)).filter((name) => name.endsWith('.cdiff'));
      expect(cdiffs).toContain('test-6.cdiff');
      mirror.upstream.forget();
      const report = await mirror.sync({ ...quick, flags: { adopt: given } });
      expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 6, how: 'adopted' });
      expect(mirror.upstream.asked).toEqual(['test.cvd', 'test-6.cvd.sign']);
      expect(fates(report)).toMatchObject(Object.fromEntries(cdiffs.map((name) => [name, 'adopted'])));
      const { cdiffs: chain } = (await manifestOf(mirror)).databases.test ?? {};
      expect(chain).toEqual({ first: 7 - cdiffs.length, last: 6 });
    });
  });

  test.each([
    ['plain', freshclam],
    ['compressed', compressingFreshclam],
  ])(
    'freshclam with a %s CLD is the base of a rebuild: the CVD is made of it, bit for bit',
    async (form, program) => {
      await using mirror = await startMirror(1);
      const given = await keptBy(program, mirror, 1, 5);
      const cld = await readFile(join(given, 'test.cld'));
      expect(cld.subarray(0, 512).toString()).toContain(`:${UNSEALED}:${UNSEALED}:`);
      expect(cld[512] === 0x1f).toBe(form === 'compressed');
      expect(await checkFile(join(given, 'test.cld'), TALOS)).toMatchObject({
        verdict: 'proven',
        version: 5,
      });

      offer(mirror, 6);
      mirror.upstream.forget();
      const report = await mirror.sync({ flags: { adopt: given } });
      expect(ofTest(report)).toMatchObject({ outcome: 'published', from: null, to: 6, how: 'rebuilt' });
      expect(fateOf(report, 'test.cld')?.outcome).toBe('base');
      expect(mirror.upstream.sent('test.cvd')).toBe(PROBE);
      expect((await hashes(mirror.store)).get('test.cvd')).toBe(
        sha256(await readFile(official('test-6.cvd'))),
      );
      expect(await faults(mirror.store)).toEqual([]);
    },
  );

  test.each([
    ['plain', freshclam],
    ['compressed', compressingFreshclam],
  ])(
    'freshclam with a %s CLD of the newest version needs no more than the signed header',
    async (_, program) => {
      await using mirror = await startMirror(1);
      const given = await keptBy(program, mirror, 1, 6);
      for (const name of CDIFFS) mirror.upstream.remove(name);
      mirror.upstream.forget();
      const report = await mirror.sync({ ...quick, flags: { adopt: given } });
      expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 6, how: 'rebuilt' });
      expect(mirror.upstream.sent('test.cvd')).toBe(PROBE);
      expect((await hashes(mirror.store)).get('test.cvd')).toBe(
        sha256(await readFile(official('test-6.cvd'))),
      );
    },
  );

  test('freshclam is of no use without the signed header, and why is said', async () => {
    await using mirror = await startMirror(1);
    const given = await keptBy(freshclam, mirror, 1, 6);
    const report = await mirror.sync({ ...quick, flags: { adopt: given, upstream: 'http://127.0.0.1:1' } });
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', to: null, code: 'upstream/unreachable' });
    expect(fateOf(report, 'test.cld')).toMatchObject({
      outcome: 'not used',
      reason: expect.stringContaining('signed header'),
    });
    expect(fates(report)['freshclam.dat'] ?? 'not needed').toBe('not needed');
  });
});
