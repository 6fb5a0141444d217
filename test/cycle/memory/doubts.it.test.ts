import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { reportOnCycle } from '../../../scripts/notify/cycle-failures.ts';
import { trusting } from '../../support/clamav/engines.ts';
import {
  describeMirror,
  namesIn,
  ofTest,
  startMirror,
  startPublished,
  type TestMirror,
  untouched,
} from '../../support/mirror/cycle.ts';
import type { Fault } from '../../support/mirror/upstream.ts';
import { official } from '../../support/setup/official.ts';

const PAGE: Fault = { page: '<!DOCTYPE html><html><head><title>Please log in</title></head></html>' };
/** What goes wrong comes after the probe. */
const AFTER_THE_PROBE: Fault = { times: 1, noValidator: true };
const LFS_POINTER = `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 57651509\n`;

const HOUR = 60;
/** A cycle so many minutes after all was well. */
async function at(minutes: number, mirror: TestMirror, flags: Readonly<Record<string, string>> = {}) {
  mirror.upstream.forget();
  const now = () => new Date(Date.parse('2026-11-21T08:00:00Z') + minutes * 60_000);
  return ofTest(await mirror.sync({ openProver: async () => trusting, now, flags }));
}

/** How often a file was asked for, and of those how often past all caches. */
function askedFor(mirror: TestMirror, name: string): { times: number; past: number } {
  const requests = mirror.upstream.requests.filter((request) => request.name === name);
  const past = requests.filter(({ headers }) => headers['cache-control'] === 'no-cache');
  return { times: requests.length, past: past.length };
}

describeMirror('what may be right in a minute', () => {
  test('is asked for again past caches, and published: a page in the place of a CDIFF', async () => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail('test-3.cdiff', { times: 1, ...PAGE });
    expect(await at(0, mirror)).toMatchObject({ outcome: 'published', to: 6 });
    expect(askedFor(mirror, 'test-3.cdiff')).toEqual({ times: 2, past: 1 });
    expect(await namesIn(mirror.store)).toContain('test-3.cdiff');
  });

  test('is asked for again past caches, and published: an older CVD than the one announced', async () => {
    await using mirror = await startPublished(1, 6);
    const [older, newest] = [await readFile(official('test-5.cvd')), await readFile(official('test-6.cvd'))];
    const once = { times: 1 };
    mirror.upstream.fail(
      'test.cvd',
      AFTER_THE_PROBE,
      { ...once, change: older },
      { ...once, change: newest },
    );
    expect(await at(0, mirror)).toMatchObject({ outcome: 'published', to: 6 });
  });

  test('is asked for again past caches, and published: a page in the place of the header', async () => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail('test.cvd', { times: 1, ...PAGE });
    expect(await at(0, mirror)).toMatchObject({ outcome: 'published', to: 6 });
  });

  test('is asked for less and less often, as long as it stays, and is a trouble of upstream', async () => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail('test-3.cdiff', PAGE);
    const spoilt = { outcome: 'failed', code: 'upstream/spoilt', from: 1, to: 1, offered: 6 };
    const doubted = { outcome: 'failed', code: 'upstream/doubted', from: 1, to: 1, offered: 6 };
    const asked: [minutes: number, said: object][] = [
      [0, spoilt],
      [29, doubted],
      [30, spoilt],
      [89, doubted],
      [90, spoilt],
      [90 + 2 * HOUR, spoilt],
      [90 + 6 * HOUR, spoilt],
      [90 + 12 * HOUR - 1, doubted],
      [90 + 12 * HOUR, spoilt],
      [90 + 18 * HOUR, spoilt],
    ];
    for (const [minutes, said] of asked) {
      expect(await untouched(mirror, () => at(minutes, mirror)), `after ${minutes}`).toMatchObject(said);
      const times = said === spoilt ? 2 : 0;
      expect(askedFor(mirror, 'test-3.cdiff').times, `after ${minutes}`).toBe(times);
    }
    expect(await at(90 + 18 * HOUR + 1, mirror, { retry: 'true' })).toMatchObject(spoilt);
    mirror.upstream.fail('test-3.cdiff');
    expect(await at(90 + 24 * HOUR + 1, mirror)).toMatchObject({ outcome: 'published', to: 6 });
  });

  test('holds up nothing for longer than a day where it is a CDIFF: it is as good as missing', async () => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail('test-3.cdiff', PAGE);
    expect(await at(0, mirror)).toMatchObject({ code: 'upstream/spoilt' });
    expect(await at(24 * HOUR, mirror)).toMatchObject({ outcome: 'published', to: 6 });
    expect(await namesIn(mirror.store)).not.toContain('test-3.cdiff');
    expect(await at(25 * HOUR, mirror)).toMatchObject({ outcome: 'unchanged', to: 6 });
    mirror.upstream.fail('test-3.cdiff');
    expect(await at(26 * HOUR, mirror)).toMatchObject({ outcome: 'published', to: 6 });
    expect(await namesIn(mirror.store)).toContain('test-3.cdiff');
  });

  test('is never called tampering', async () => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail('test.cvd', AFTER_THE_PROBE, PAGE);
    const cycle = await mirror.sync({ openProver: async () => trusting });
    const about = { serving: null, log: [], isReadBack: false, at: new Date() };
    expect(reportOnCycle(cycle, about).failures).toMatchObject([
      { class: 'upstream', what: expect.stringMatching(/HTML or XML page titled "Please log in"/) },
    ]);
  });

  test('is named for what it is: a Git LFS pointer', async () => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.set('test.cvd', Buffer.from(LFS_POINTER));
    const report = ofTest(await mirror.sync());
    expect(report).toMatchObject({ outcome: 'failed', code: 'upstream/spoilt' });
    expect(report.reason).toMatch(/Git LFS pointer/);
  });

  test('is named for what it is: a good CVD under the name of another', async () => {
    await using mirror = await startMirror();
    mirror.upstream.set('main.cvd', official('test-6.cvd'));
    const { main } = (await mirror.sync({ flags: { databases: 'main' } })).databases;
    expect(main).toMatchObject({ outcome: 'failed', code: 'upstream/mislabelled' });
    expect(main?.reason).toMatch(/the database test, under the name main\.cvd/);
  });
});

describeMirror('a broken signature in a file of the right form', () => {
  test('is an offence, though it is asked for once more: it may have been spoilt on its way', async () => {
    await using mirror = await startPublished(1, 6);
    const broken = await readFile(official('test-3.cdiff'));
    const last = broken.length - 9;
    broken[last] = broken[last] === 0x61 ? 0x62 : 0x61;
    mirror.upstream.fail('test-3.cdiff', { times: 1, change: broken });
    expect(await at(0, mirror)).toMatchObject({ outcome: 'refused', code: 'verify/signature', to: 1 });
    expect(askedFor(mirror, 'test-3.cdiff')).toEqual({ times: 2, past: 1 });
    mirror.upstream.set('test-3.cdiff', official('test-3.cdiff'));
    expect(await at(12 * HOUR - 1, mirror)).toMatchObject({ outcome: 'refused', code: 'verify/held' });
    expect(await at(12 * HOUR, mirror)).toMatchObject({ outcome: 'published', to: 6 });
  });
});
