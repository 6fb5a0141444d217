import { expect, test } from 'vitest';
import { trusting } from '../../support/clamav/engines.ts';
import {
  CDIFFS,
  describeMirror,
  expectNoLeftovers,
  faults,
  namesIn,
  offer,
  ofTest,
  startMirror,
  startPublished,
  untouched,
} from '../../support/mirror/cycle.ts';
import type { Fault } from '../../support/mirror/upstream.ts';
import { official } from '../../support/setup/official.ts';

/** Serves a file as usual, once: what goes wrong comes after the probe. */
const AFTER_THE_PROBE: Fault = { times: 1, noValidator: true };
const PAGES = {
  short: '<html>Please log in</html>',
  long: `<!DOCTYPE html>${'<p>Attention Required!</p>'.repeat(900)}`,
};

describeMirror('defect 1: an HTML page with status 200 becomes daily.cvd', () => {
  test.each(Object.keys(PAGES))('a %s page as the answer to the probe is not taken', async (length) => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail('test.cvd', { page: PAGES[length === 'short' ? 'short' : 'long'] });
    const report = await untouched(mirror, () => mirror.sync());
    expect(report.outcome).toBe('failed');
    expect(ofTest(report)).toMatchObject({ code: 'upstream/spoilt', from: 1, to: 1 });
  });

  test('a page as CVD is not taken, the command exits with 1, and the next cycle is well', async () => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail('test.cvd', AFTER_THE_PROBE, { page: PAGES.long });
    const run = await untouched(mirror, () => mirror.syncCli());
    expect(run).toMatchObject({ exitCode: 1, signal: null });
    expect(run.json()).toMatchObject({
      outcome: 'failed',
      databases: {
        test: { outcome: 'failed', code: 'upstream/spoilt', from: 1, to: 1, offered: 6, how: 'unchanged' },
      },
      proof: null,
    });
    await expectNoLeftovers(mirror);
    mirror.upstream.fail('test.cvd');
    const flags = { retry: 'true' };
    expect(ofTest(await mirror.sync({ flags }))).toMatchObject({ outcome: 'published', to: 6 });
  });

  test.each(['test-2.cdiff', 'test-6.cdiff'])('a page as %s is not taken', async (name) => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail(name, { page: PAGES.long });
    const report = await untouched(mirror, () => mirror.sync());
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'upstream/spoilt', to: 1 });
  });

  test.each(['test-6.cdiff.sign', 'test-6.cvd.sign'])(
    'a page as %s is withheld, and costs nobody the database',
    async (name) => {
      await using mirror = await startPublished(1, 6);
      mirror.upstream.set(name, Buffer.from(PAGES.short));
      const report = await mirror.sync({ openProver: async () => trusting });
      expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 6 });
      expect(await namesIn(mirror.store)).not.toContain(name);
    },
  );

  test('a page is nothing to start a mirror with', async () => {
    await using mirror = await startMirror();
    mirror.upstream.fail('test.cvd', AFTER_THE_PROBE, { page: PAGES.long });
    expect(ofTest(await mirror.sync())).toMatchObject({ outcome: 'failed', from: null, to: null });
    expect(await namesIn(mirror.store)).toEqual([]);
  });
});

describeMirror('defect 7: a CDIFF that is missing once is missing for ever', () => {
  test('it is asked for in every cycle, and published as soon as upstream has it', async () => {
    await using mirror = await startPublished(4, 6); // without test-5.cdiff
    const openProver = async () => trusting;
    expect(ofTest(await mirror.sync({ openProver }))).toMatchObject({
      outcome: 'published',
      to: 6,
      how: 'downloaded',
    });
    expect(await namesIn(mirror.store)).not.toContain('test-5.cdiff');
    mirror.upstream.forget();
    expect(ofTest(await mirror.sync({ openProver }))).toMatchObject({ outcome: 'unchanged', to: 6 });
    expect(mirror.upstream.asked).toEqual(['test.cvd', 'test-6.cvd.sign', 'test-5.cdiff']);

    offer(mirror, 6);
    expect(ofTest(await mirror.sync())).toMatchObject({
      outcome: 'published',
      from: 6,
      to: 6,
      how: 'unchanged',
    });
    expect(await namesIn(mirror.store)).toEqual(expect.arrayContaining(CDIFFS));
    expect(await faults(mirror.store)).toEqual([]);
    mirror.upstream.forget();
    expect((await mirror.sync({ openProver })).outcome).toBe('unchanged');
    expect(mirror.upstream.asked).toEqual(['test.cvd', 'test-6.cvd.sign']);
  });
});

describeMirror('the CDIFF to the newest version, which clients one version behind need,', () => {
  test('is waited for while it is no more than late', async () => {
    await using mirror = await startPublished(5, 6); // without test-6.cdiff
    const now = () => new Date('2021-06-23T01:34:00Z'); // an hour after version 5, as after version 6
    const flags = { databases: 'test' };
    const early = { flags, openProver: async () => trusting, now };
    const report = await untouched(mirror, () => mirror.sync(early));
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'upstream/missing', to: 5, offered: 6 });
    offer(mirror, 6);
    expect(ofTest(await mirror.sync(early))).toMatchObject({ outcome: 'published', to: 6, how: 'rebuilt' });
  });

  test('may be missing after a day: real clients stay where they are, and others get the new version', async () => {
    await using mirror = await startPublished(5, 6);
    const report = await mirror.sync();
    expect(ofTest(report), JSON.stringify(report)).toMatchObject({ outcome: 'published', from: 5, to: 6 });
    const published = report.proof?.results.find(({ scenario }) => scenario.includes('published versions'));
    expect(published?.evidence).toMatch(/^test\.cvd 5, until upstream has the last CDIFF/);
    offer(mirror, 6);
    expect(ofTest(await mirror.sync())).toMatchObject({ outcome: 'published', from: 6, to: 6 });
    expect(await namesIn(mirror.store)).toContain('test-6.cdiff');
  });
});

describeMirror('defect 16: a file named main.cvd that is really another database', () => {
  test('is not taken', async () => {
    await using mirror = await startMirror();
    mirror.upstream.set('main.cvd', official('test-6.cvd'));
    const report = await mirror.sync({ flags: { databases: 'main' } });
    expect(report.databases.main).toMatchObject({
      outcome: 'failed',
      code: 'upstream/mislabelled',
      to: null,
    });
    expect(await namesIn(mirror.store)).toEqual([]);
  });

  test('is not taken as CDIFF either', async () => {
    await using mirror = await startMirror();
    mirror.upstream.set('main.cvd', official('test-6.cvd'));
    mirror.upstream.set('main-6.cdiff', official('test-6.cdiff'));
    const report = await mirror.sync({ flags: { databases: 'main' } });
    expect(report.databases.main).toMatchObject({
      outcome: 'failed',
      code: 'upstream/mislabelled',
      to: null,
    });
  });
});
