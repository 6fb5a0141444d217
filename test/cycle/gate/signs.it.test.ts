import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SILENT } from '../../../scripts/base/log.ts';
import { release, rollBack } from '../../../scripts/cycle/rollback.ts';
import { readsSigns } from '../../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../../scripts/engine/native.ts';
import { openEngines } from '../../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../../scripts/engine/spec.ts';
import type { SignRecord } from '../../../scripts/mirror/manifest.ts';
import { type Prove, proveWith } from '../../../scripts/proof/prove.ts';
import { syncSettings } from '../../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { skippedHere, trusting } from '../../support/clamav/engines.ts';
import { type Clamav15, clamav15 } from '../../support/clamav-15/clamav-15.ts';
import { describeMirrorWith15 } from '../../support/clamav-15/part.ts';
import { describeWithImages, image } from '../../support/docker/docker.ts';
import { describeMirror, manifestOf, namesIn, ofTest } from '../../support/mirror/cycle.ts';
import { everyNth, isWhole } from '../../support/sample.ts';
import { describeWithOpenssl } from '../../support/sign/openssl.ts';
import { type SignedMirror, startSignedMirror } from '../../support/sign/signed-mirror.ts';

const quick = { openProver: async () => trusting };
const refusing: Prove = async (candidate) => ({
  ...(await trusting(candidate)),
  passed: false,
  results: [{ engine: 'e', scenario: 's', result: 'failed', evidence: 'malformed', duration: 0 }],
});
const DAY = 24 * 60 * 60_000;
const START = new Date('2026-06-01T12:00:00Z');
const later = (days: number) => new Date(START.getTime() + days * DAY);

async function signOf(mirror: SignedMirror): Promise<SignRecord | undefined> {
  return (await manifestOf(mirror)).databases.test?.sign;
}

const SIGN = 'test-6.cvd.sign';

describeWithOpenssl('the .sign of a published CVD', () => {
  describeMirror('in a cycle', () => {
    test('comes with it, and its end is in the manifest', async () => {
      await using mirror = await startSignedMirror(6);
      expect((await mirror.syncAt(START, quick)).outcome).toBe('published');
      expect(await namesIn(mirror.store)).toContain(SIGN);
      const { files, databases } = await manifestOf(mirror);
      expect(databases.test?.sign).toMatchObject({
        state: 'published',
        notAfter: '2035-01-01T00:00:00.000Z',
      });
      expect(files[SIGN]?.notAfter).toBe('2035-01-01T00:00:00.000Z');
    });

    test('that is late is asked for in each cycle, and published alone when it is there', async () => {
      await using mirror = await startSignedMirror(6);
      mirror.upstream.remove(SIGN);
      const first = await mirror.syncAt(START, quick);
      expect(first.outcome).toBe('published');
      expect(ofTest(first).notes).toEqual([expect.stringContaining('cannot take test')]);
      expect(await signOf(mirror)).toMatchObject({ state: 'missing', since: START.toISOString() });
      mirror.upstream.forget();
      expect((await mirror.syncAt(later(0.1), quick)).outcome).toBe('unchanged');
      expect(mirror.upstream.asked).toContain(SIGN);
      expect(await signOf(mirror)).toMatchObject({ state: 'missing', since: START.toISOString() });

      mirror.upstream.set(SIGN, mirror.signed.file(SIGN));
      mirror.upstream.forget();
      const late = await mirror.syncAt(later(0.2), quick);
      expect(ofTest(late)).toMatchObject({ outcome: 'published', from: 6, to: 6, how: 'unchanged' });
      expect(mirror.upstream.asked.filter((name) => name.endsWith('.cdiff'))).toEqual([]);
      expect(
        mirror.upstream.requests.filter(({ name, range }) => name === 'test.cvd' && range === undefined),
      ).toEqual([]);
      expect(await namesIn(mirror.store)).toContain(SIGN);
      expect(await signOf(mirror)).toMatchObject({ state: 'published' });
    });

    test('is asked for while a newer version is in quarantine, and published when it is there', async () => {
      await using mirror = await startSignedMirror(5);
      mirror.upstream.remove('test-5.cvd.sign');
      await mirror.syncAt(START, quick);
      mirror.offer(6);
      const refused = { openProver: async () => refusing };
      expect(ofTest(await mirror.syncAt(later(0.1), refused))).toMatchObject({ outcome: 'refused' });
      const held = { outcome: 'refused', code: 'proof/held', to: 5 };
      mirror.upstream.forget();
      expect(ofTest(await mirror.syncAt(later(0.2), refused))).toMatchObject(held);
      expect(mirror.upstream.asked).toEqual(['test.cvd', 'test-5.cvd.sign']);
      mirror.upstream.set('test-5.cvd.sign', mirror.signed.file('test-5.cvd.sign'));
      expect(ofTest(await mirror.syncAt(later(0.3), quick))).toMatchObject(held);
      expect(await namesIn(mirror.store)).toContain('test-5.cvd.sign');
      expect(await signOf(mirror)).toMatchObject({ state: 'published' });
    });

    test('that a cache kept from another CVD of this version is asked for once more, past caches', async () => {
      await using mirror = await startSignedMirror(6);
      const [right, other] = [mirror.signed.file(SIGN), mirror.signed.file('test-5.cvd.sign')];
      mirror.upstream.fail(SIGN, { times: 1, change: other ?? Buffer.alloc(0) }, { times: 1, change: right });
      expect(ofTest(await mirror.syncAt(START, quick))).toMatchObject({ outcome: 'published', to: 6 });
      expect(await namesIn(mirror.store)).toContain(SIGN);
      const asked = mirror.upstream.requests.filter(({ name }) => name === SIGN);
      expect(asked.map(({ headers }) => headers['cache-control'])).toEqual([undefined, 'no-cache']);
    });

    test('holds a new version back for a day, if upstream has had them before', async () => {
      await using mirror = await startSignedMirror(5);
      expect((await mirror.syncAt(START, quick)).outcome).toBe('published');
      mirror.offer(6);
      mirror.upstream.remove(SIGN);
      // the official versions were built long ago, so that the wait is over: a clock of then makes them new
      const built = new Date((await manifestOf(mirror)).built);
      const soon = await mirror.sync({ ...quick, now: () => built, trust: mirror.trust(START) });
      expect(ofTest(soon)).toMatchObject({ outcome: 'failed', code: 'upstream/missing' });
      expect((await manifestOf(mirror)).databases.test?.version).toBe(5);
      const dayAfter = await mirror.syncAt(later(1), quick);
      expect(ofTest(dayAfter)).toMatchObject({ outcome: 'published', to: 6 });
      expect(await signOf(mirror)).toMatchObject({ state: 'missing' });
    });

    test('is compared with upstream’s once a day, by its ETag', async () => {
      await using mirror = await startSignedMirror(6);
      await mirror.syncAt(START, quick);
      mirror.upstream.forget();
      await mirror.syncAt(later(0.5), quick);
      expect(mirror.upstream.asked).not.toContain(SIGN);
      await mirror.syncAt(later(1), quick);
      const [request] = mirror.upstream.requests.filter(({ name }) => name === SIGN);
      expect(request).toMatchObject({ status: 304, sent: 0 });
      expect(await signOf(mirror)).toMatchObject({ asked: later(1).toISOString() });
    });

    test('that upstream makes anew is proven and published', async () => {
      await using mirror = await startSignedMirror(6);
      await mirror.syncAt(START, quick);
      const anew = mirror.signed.signOfficial('test-6.cvd', { leaf: { until: '2036-01-01' } });
      mirror.upstream.set(SIGN, anew);
      expect(ofTest(await mirror.syncAt(later(1), quick))).toMatchObject({ outcome: 'published', to: 6 });
      expect(await readFile(join(mirror.store, SIGN))).toEqual(anew);
    });

    test('is taken away before it ends, though upstream is down, and `checked` stays', async () => {
      await using mirror = await startSignedMirror(6);
      mirror.upstream.set(SIGN, mirror.signed.signOfficial('test-6.cvd', { leaf: { until: '2026-06-11' } }));
      await mirror.syncAt(START, quick);
      mirror.upstream.fail('*', { status: 500 });
      expect((await mirror.syncAt(later(8), quick)).outcome).toBe('failed');
      expect(await namesIn(mirror.store)).toContain(SIGN);
      expect((await mirror.syncAt(later(9.4), quick)).outcome).toBe('failed');
      expect(await namesIn(mirror.store)).not.toContain(SIGN);
      const { checked, databases } = await manifestOf(mirror);
      expect(checked).toBe(START.toISOString());
      expect(databases.test?.sign).toMatchObject({
        state: 'withheld',
        reason: expect.stringContaining('2026-06-11'),
      });
    });

    test('of a CDIFF is taken away before it ends too: freshclam would take the whole CVD', async () => {
      await using mirror = await startSignedMirror(6);
      mirror.upstream.set(
        'test-3.cdiff.sign',
        mirror.signed.signOfficial('test-3.cdiff', { leaf: { until: '2026-06-11' } }),
      );
      await mirror.syncAt(START, quick);
      expect(await namesIn(mirror.store)).toContain('test-3.cdiff.sign');
      expect((await mirror.syncAt(later(9.6), quick)).outcome).toBe('unchanged');
      expect(await namesIn(mirror.store)).not.toContain('test-3.cdiff.sign');
      expect(await namesIn(mirror.store)).toContain('test-3.cdiff');
    });

    test('that is damaged in the store is taken away and taken anew in one cycle', async () => {
      await using mirror = await startSignedMirror(6);
      await mirror.syncAt(START, quick);
      const bytes = await readFile(join(mirror.store, SIGN));
      bytes.writeUInt8(bytes.readUInt8(3000) ^ 1, 3000);
      await writeFile(join(mirror.store, SIGN), bytes);
      expect((await mirror.syncAt(later(0.1), quick)).outcome).toBe('published');
      expect(await readFile(join(mirror.store, SIGN))).toEqual(mirror.signed.file(SIGN));
    });

    test('that is missing in the store is taken anew, without another file', async () => {
      await using mirror = await startSignedMirror(6);
      await mirror.syncAt(START, quick);
      await rm(join(mirror.store, SIGN));
      mirror.upstream.forget();
      expect((await mirror.syncAt(later(0.1), quick)).outcome).toBe('published');
      expect(await readFile(join(mirror.store, SIGN))).toEqual(mirror.signed.file(SIGN));
      expect(mirror.upstream.asked.filter((name) => name.endsWith('.cdiff'))).toEqual([]);
    });

    test('by a signer we know that is broken is an offence, and what is published stays', async () => {
      await using mirror = await startSignedMirror(6);
      await mirror.syncAt(START, quick);
      mirror.upstream.set(SIGN, mirror.signed.file('test-5.cvd.sign'));
      expect(ofTest(await mirror.syncAt(later(1), quick))).toMatchObject({
        outcome: 'refused',
        code: 'verify/signature',
      });
      expect(await readFile(join(mirror.store, SIGN))).toEqual(mirror.signed.file(SIGN));
    });

    test('that is odd leaves the good one that is published, and is asked for again', async () => {
      await using mirror = await startSignedMirror(6);
      await mirror.syncAt(START, quick);
      mirror.upstream.set(SIGN, Buffer.from('<html>Sorry</html>'));
      expect((await mirror.syncAt(later(1), quick)).outcome).toBe('unchanged');
      expect(await readFile(join(mirror.store, SIGN))).toEqual(mirror.signed.file(SIGN));
      expect(await signOf(mirror)).toMatchObject({ state: 'published' });
    });

    test('that upstream has no more stays as long as it is good', async () => {
      await using mirror = await startSignedMirror(6);
      await mirror.syncAt(START, quick);
      mirror.upstream.remove(SIGN);
      expect((await mirror.syncAt(later(1), quick)).outcome).toBe('unchanged');
      expect(await namesIn(mirror.store)).toContain(SIGN);
    });

    test('goes into the archive with it, and a rollback publishes it again', async () => {
      await using mirror = await startSignedMirror(5);
      await mirror.syncAt(START, quick);
      mirror.offer(6);
      await mirror.syncAt(later(0.1), quick);
      expect(await namesIn(join(mirror.store, 'archive'))).toEqual(['test-5.cvd', 'test-5.cvd.sign']);
      await rolledBack(mirror, 5, later(0.2));
      expect(await readFile(join(mirror.store, 'test-5.cvd.sign'))).toEqual(
        mirror.signed.file('test-5.cvd.sign'),
      );
      expect(await signOf(mirror)).toMatchObject({ state: 'published' });
    });

    test('that a rollback could not find is asked for while the database is held', async () => {
      await using mirror = await startSignedMirror(5);
      await mirror.syncAt(START, quick);
      mirror.offer(6);
      await mirror.syncAt(later(0.1), quick);
      await rm(join(mirror.store, 'archive/test-5.cvd.sign'));
      await rolledBack(mirror, 5, later(0.2));
      expect(await signOf(mirror)).toMatchObject({ state: 'missing' });
      mirror.upstream.set('test-5.cvd.sign', mirror.signed.file('test-5.cvd.sign'));
      expect(ofTest(await mirror.syncAt(later(0.3), quick))).toMatchObject({ outcome: 'published', to: 5 });
      expect(await signOf(mirror)).toMatchObject({ state: 'published' });
    });

    test('is not known of a mirror that an earlier version published: it is proven and described', async () => {
      await using mirror = await startSignedMirror(6);
      await mirror.syncAt(START, quick);
      const path = join(mirror.store, 'manifest.json');
      const old = JSON.parse(await readFile(path, 'utf8'));
      delete old.databases.test.sign;
      for (const file of Object.values<{ notAfter?: string }>(old.files)) delete file.notAfter;
      await writeFile(path, JSON.stringify(old));
      expect((await mirror.syncAt(later(0.1), quick)).outcome).toBe('unchanged');
      expect(await signOf(mirror)).toMatchObject({
        state: 'published',
        notAfter: '2035-01-01T00:00:00.000Z',
      });
      expect((await manifestOf(mirror)).files['test-2.cdiff.sign']?.notAfter).toBe(
        '2035-01-01T00:00:00.000Z',
      );
    });
  });

  /** At once, for they wait: freshclam 1.5 tries again by itself what fails. */
  describeMirrorWith15('with ClamAV 1.5', () => {
    const proverOf = (clamav: Clamav15) => async () =>
      proveWith([await findNativeEngine(clamav.path)], { now: () => new Date() });

    test.concurrent('a mirror goes from version to version, is rolled back and released', async () => {
      await using mirror = await startSignedMirror(1);
      await using clamav = await clamav15({ roots: mirror.signed.trust.roots });
      const change = { openProver: proverOf(clamav) };
      for (const version of everyNth(3, [4, 2, 1, 6]).toSorted()) {
        mirror.offer(version);
        const report = await mirror.syncAt(new Date(), change);
        expect(ofTest(report), JSON.stringify(report)).toMatchObject({ outcome: 'published', to: version });
        const fips = report.proof?.results.filter(({ scenario }) => scenario.includes('FIPS limits')) ?? [];
        expect(fips.length).toBeGreaterThanOrEqual(4);
        expect(fips.filter(({ result }) => result !== 'passed')).toEqual([]);
      }
      await rolledBack(mirror, 4, new Date(), change);
      expect(await namesIn(mirror.store)).toContain('test-4.cvd.sign');
      const store = new FolderStore(mirror.store);
      await release('test', { store, log: SILENT, now: () => new Date() });
      expect(ofTest(await mirror.syncAt(new Date(), change))).toMatchObject({ outcome: 'published', to: 6 });
    });

    describeWithImages('oldest')('beside a real 1.4 and a real 0.103', () => {
      // three engines at once are tried with Talos' own files, too: test/proof/engines/official-engines.it.test.ts
      test.runIf(isWhole).concurrent('a mirror goes from version 1 to 6 at once', async () => {
        await using mirror = await startSignedMirror(1);
        await using clamav = await clamav15({ roots: mirror.signed.trust.roots });
        const openProver = async () => {
          const options = { path: process.env.PATH ?? '', work: mirror.work, log: SILENT };
          const specs = ['native', `docker:${image('oldest')}`].map(parseEngineSpec);
          const later = { ...(await findNativeEngine(clamav.path)), name: 'native 1.5' };
          return proveWith([later, ...(await openEngines(specs, options))], { now: () => new Date() });
        };
        await mirror.syncAt(new Date(), { openProver });
        mirror.offer(6);
        const report = await mirror.syncAt(new Date(), { openProver });
        expect(ofTest(report), JSON.stringify(report)).toMatchObject({ outcome: 'published', to: 6 });
        expect(report.proof?.engines).toHaveLength(3);
        const played = report.proof?.results.filter(({ scenario }) => scenario.includes('FIPS')) ?? [];
        expect(
          new Set(played.filter(({ result }) => result === 'passed').map(({ engine }) => engine)),
        ).toEqual(
          new Set(
            report.proof?.engines.filter(({ fLevel = 0 }) => readsSigns({ fLevel })).map(({ name }) => name),
          ),
        );
      });
    });

    test.concurrent('an engine that does not like a new .sign costs nobody the database', async () => {
      await using mirror = await startSignedMirror(5);
      await using clamav = await clamav15({ roots: [] });
      const report = await mirror.syncAt(new Date(), { openProver: proverOf(clamav) });
      expect(ofTest(report), JSON.stringify(report)).toMatchObject({ outcome: 'published', to: 5 });
      expect(await namesIn(mirror.store)).not.toContain('test-5.cvd.sign');
      expect(await signOf(mirror)).toMatchObject({
        state: 'withheld',
        reason: expect.stringMatching(/^clients with ClamAV 1\.5\S* \(native\) would fail.*certificates/),
      });
      expect(ofTest(report).notes).toEqual([expect.stringMatching(/would fail with it/)]);
    });

    test.concurrent('an engine that lost the certificates of what is published, too, is broken, and says where to look', async () => {
      await using mirror = await startSignedMirror(5);
      await using sound = await clamav15({ roots: mirror.signed.trust.roots });
      await using broken = await clamav15({ roots: [] });
      expect((await mirror.syncAt(new Date(), { openProver: proverOf(sound) })).outcome).toBe('published');
      mirror.offer(6);
      const report = await mirror.syncAt(new Date(), { openProver: proverOf(broken) });
      expect(ofTest(report), JSON.stringify(report)).toMatchObject({
        outcome: 'failed',
        code: 'engine/broken',
      });
      expect(ofTest(report).reason).toMatch(/with what is published, too.*certificates/);
      expect(ofTest(await mirror.syncAt(new Date(), { openProver: proverOf(sound) }))).toMatchObject({
        outcome: 'published',
        to: 6,
      });
      expect(await signOf(mirror)).toMatchObject({ state: 'published' });
    });

    test.concurrent('where two of them disagree about a new .sign, it is withheld, and the report says which clients would fail', async () => {
      await using mirror = await startSignedMirror(5);
      await using sound = await clamav15({ roots: mirror.signed.trust.roots });
      await using other = await clamav15({ roots: [] });
      const openProver = async () => {
        const engines = [
          { ...(await findNativeEngine(sound.path)), name: 'one' },
          { ...(await findNativeEngine(other.path)), name: 'other' },
        ];
        return proveWith(engines, { now: () => new Date() });
      };
      const report = await mirror.syncAt(new Date(), { openProver });
      expect(ofTest(report), JSON.stringify(report)).toMatchObject({ outcome: 'published', to: 5 });
      expect(ofTest(report).notes).toEqual([
        expect.stringMatching(
          /clients with ClamAV \S+ \(other\) would fail with it, ClamAV \S+ \(one\) would not/,
        ),
      ]);
    });

    test.concurrent('without any .sign it is published, and the record says whom that shuts out', async () => {
      await using mirror = await startSignedMirror(5);
      for (const name of mirror.signed.files.keys()) if (name.endsWith('.sign')) mirror.upstream.remove(name);
      await using clamav = await clamav15({ roots: mirror.signed.trust.roots });
      const report = await mirror.syncAt(new Date(), { openProver: proverOf(clamav) });
      expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 5 });
      const here = await skippedHere(clamav.path);
      expect(report.proof?.results.filter(({ result }) => result === 'skipped')).toEqual([
        ...here.map((scenario) => expect.objectContaining({ scenario })),
        expect.objectContaining({ scenario: expect.stringContaining('FIPS') }),
      ]);
    });
  });
});

async function rolledBack(mirror: SignedMirror, to: number, at: Date, change = quick): Promise<void> {
  const settings = syncSettings({
    flags: {
      upstream: mirror.upstream.url,
      dns: 'off',
      databases: 'test',
      store: mirror.store,
      work: mirror.work,
    },
    environment: {},
  });
  const parts = {
    store: new FolderStore(mirror.store),
    trust: mirror.trust(at),
    log: SILENT,
    now: () => at,
    ...change,
  };
  await rollBack(settings, { database: 'test', to, reason: 'a test' }, parts);
}
