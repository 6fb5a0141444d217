import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeCvd } from '../../../scripts/cvd/container/writer.ts';
import { HEADER_SIZE, parseHeader } from '../../../scripts/cvd/header.ts';
import { encodeInfo } from '../../../scripts/cvd/info.ts';
import {
  clamdThatCrashes,
  fakeTools,
  knowing,
  openProver,
  skippedHere,
  trusting,
} from '../../support/clamav/engines.ts';
import { type RekeyedNative, rekeyedNative } from '../../support/clamav/rekeyed.ts';
import { type DailyFiles, dailyChain, md5, more, offerChain } from '../../support/databases/hostile.ts';
import { makeCdiff, makeInfo, makeTestKeys, testTrust } from '../../support/databases/signing.ts';
import {
  describeMirror,
  namesIn,
  type SyncChange,
  served,
  startMirror,
  type TestMirror,
  untouched,
} from '../../support/mirror/cycle.ts';

const FLAGS = { databases: 'daily' };

/**
 * What befell clients of real mirrors (field-notes.md), with databases that are genuine by the tests' keys, and real
 * ClamAV that trusts those keys: each is refused, the reason is one line, and the last good version stays.
 */
describeMirror('incidents in the field', () => {
  let clamav: RekeyedNative;
  beforeAll(async () => {
    clamav = await rekeyedNative(makeTestKeys().keys);
  });
  afterAll(async () => {
    await clamav[Symbol.asyncDispose]();
  });

  /** A mirror that has published version 28000, which is sound; it passes unproven, unless told otherwise. */
  async function start(
    next: DailyFiles,
    first: SyncChange = { openProver: async () => trusting },
  ): Promise<TestMirror & { sync: TestMirror['sync'] }> {
    const mirror = await startMirror();
    const chain = dailyChain(next);
    offerChain(mirror.upstream, chain, 28_000);
    const trust = testTrust();
    const sync: TestMirror['sync'] = (change) =>
      mirror.sync({ flags: FLAGS, trust, openProver: () => openProver(clamav.path), ...change });
    const report = await sync(first);
    expect(report.databases.daily, JSON.stringify(report)).toMatchObject({
      outcome: 'published',
      to: 28_000,
    });
    offerChain(mirror.upstream, chain, 28_001);
    return { ...mirror, sync };
  }

  async function expectRefused(
    mirror: TestMirror,
    change?: Parameters<TestMirror['sync']>[0],
  ): Promise<string> {
    const before = await served(mirror.store);
    const report = await mirror.sync(change);
    const daily = report.databases.daily;
    expect(daily, JSON.stringify(report)).toMatchObject({
      outcome: 'refused',
      from: 28_000,
      to: 28_000,
      offered: 28_001,
    });
    expect(daily?.reason).not.toContain('\n');
    expect(await served(mirror.store)).toEqual(before);
    const { version } = parseHeader(
      await readFile(join(mirror.store, 'daily.cvd')).then((cvd) => cvd.subarray(0, HEADER_SIZE)),
    );
    expect(version).toBe(28_000);
    return daily?.reason ?? '';
  }

  test('a sound version is published, so that the others are refused for what they are', async () => {
    await using mirror = await start(
      more('ndb', 'Win.Test.Nobody-4:0:*:6e6f626f6479206e6f626f6479206e6f626f6479'),
      {},
    );
    const report = await mirror.sync();
    expect(report.databases.daily).toMatchObject({
      outcome: 'published',
      from: 28_000,
      to: 28_001,
      how: 'rebuilt',
    });
    const results = report.proof?.results.map(({ result, scenario }) => `${result}: ${scenario}`);
    const others = results?.filter((line) => !line.startsWith('passed'));
    const here = (await skippedHere(clamav.path)).map((name) => `skipped: ${name}`);
    expect(others).toEqual([...here, expect.stringMatching(/^skipped: .*FIPS/)]); // upstream has no .sign
  });

  test('cl#1094: a corrupt daily, signed as it is', async () => {
    await using mirror = await start(more('ldb', '\x01\x02 this was a signature once'));
    expect(await expectRefused(mirror)).toMatch(
      /^native \(ClamAV .*\): .*Invalid or unsupported ldb [^;]*; (.*at line 2; )?Can't load daily\.(ldb|cvd): Malformed database/,
    );
  });

  test('cl#1094: a daily that was corrupted after it was signed', async () => {
    await using mirror = await start({});
    const cvd = dailyChain({})[1]?.cvd ?? Buffer.alloc(0);
    cvd[cvd.length - 9] = (cvd[cvd.length - 9] ?? 0) ^ 1;
    mirror.upstream.set('daily.cvd', cvd);
    mirror.upstream.remove('daily-28001.cdiff');
    await untouched(mirror, async () => {
      const report = await mirror.sync();
      expect(report.databases.daily).toMatchObject({ to: 28_000 });
      expect(report.outcome).toMatch(/refused|failed/);
    });
  });

  test('cl#697: a signature that needs a later engine, and says that all may load it', async () => {
    await using mirror = await start(
      more('ldb', 'Win.Test.Later;Engine:51-255,Target:0;0;later_img#af2ad01ed42993c7#0'),
    );
    expect(await expectRefused(mirror)).toMatch(/native \(ClamAV/);
  });

  test('cl#923: it passes freshclam and clamscan, and crashes clamd', async () => {
    await using mirror = await start(
      more('ndb', 'Win.Test.Nobody-4:0:*:6e6f626f6479206e6f626f6479206e6f626f6479'),
    );
    const crash = clamdThatCrashes('Activating the newly loaded', 'has 28001');
    const clamd = `${knowing('daily', 28_001)}; ${crash}`;
    await using tools = await fakeTools({ clamd }, { path: clamav.path });
    expect(await expectRefused(mirror, { openProver: () => openProver(tools.path) })).toMatch(/clamd died/);
  });

  test('cl#620: a signature that finds something in everybody’s files', async () => {
    const html = Buffer.from('<html').toString('hex');
    await using mirror = await start(more('ndb', `Html.Phishing.Everybody-1:0:*:${html}`));
    expect(await expectRefused(mirror)).toMatch(/page\.html is safe, but clamscan calls it Html\.Phishing/);
  });

  test.each([
    [
      'cannot be applied',
      (script: Buffer) => `${script}OPEN daily.ndb\nDEL 9 Nothing\nCLOSE\n`,
      /a client with the published versions .*: CDIFFs should do, but it asked for GET \/daily\.cvd/,
    ],
    [
      'leads to another database',
      (script: Buffer) =>
        `${script}OPEN daily.ndb\nADD Win.Test.X-1:0:*:6e6f626f6479206e6f626f6479206e6f626f6479\nCLOSE\n`,
      /CDIFFs lead to another daily\.ndb in daily than the CVD has/,
    ],
  ])('cl#1191: a CDIFF that %s, beside a CVD that is as it should be', async (_, spoil, said) => {
    const next = more('hdb', `${md5('someone else has this')}:21:Win.Test.Someone-1`);
    await using mirror = await start(next);
    const { script } = dailyChain(next)[1] ?? {};
    mirror.upstream.set('daily-28001.cdiff', makeCdiff(28_001, spoil(script ?? Buffer.alloc(0))));
    expect(await expectRefused(mirror)).toMatch(said);
  });

  test('cl#446, cl#455: the checksum of one file inside is not that of the file', async () => {
    await using mirror = await start({});
    const listed = new Map([['daily.hdb', Buffer.from('a:1:Win.Test.A\n')]]);
    const info = makeInfo({ database: 'daily', version: 28_001, files: listed, header: { signatures: 100 } });
    const inside = [
      ['COPYING', Buffer.from('A licence.\n')],
      ['daily.info', encodeInfo(info)],
      ['daily.hdb', Buffer.from('b:1:Win.Test.B\n')],
    ] as const;
    const tar = inside.map(([name, data]) => ({ name, size: data.length, data: [data] }));
    mirror.upstream.set('daily.cvd', encodeCvd(info.header, tar, makeTestKeys().signHeader));
    expect(await expectRefused(mirror)).toMatch(/daily\.hdb/);
  });

  test('what failed is kept in a file that says what every tool said', async () => {
    await using mirror = await start(more('ldb', 'garbage'));
    const failures = join(mirror.folder, 'failed');
    await expectRefused(mirror, { openProver: () => openProver(clamav.path, { failures }) });
    const [name = ''] = await namesIn(failures);
    const transcript = await readFile(join(failures, name), 'utf8');
    expect(transcript).toMatch(/^native a client with an empty folder/);
    expect(transcript).toMatch(
      /^\$ freshclam --config-file=.*[\s\S]*\[LibClamAV\] Invalid or unsupported ldb[\s\S]*^\$ requests to http/m,
    );
  });
});
