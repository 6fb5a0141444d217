import { describe, expect, test } from 'vitest';
import { FEED_BYTES, FEED_ENTRIES, HISTORY_EVENTS } from '../../../scripts/base/limits/page.ts';
import { encodeOverview, type StepSummary } from '../../../scripts/changes/overview.ts';
import { FEED_JSON, FEED_XML, HISTORY_JSON, INDEX_HTML } from '../../../scripts/mirror/pages.ts';
import type { FaceFacts } from '../../../scripts/page/face.ts';
import type { MirrorEvent } from '../../../scripts/page/feed/events.ts';
import { historyJson } from '../../../scripts/page/history.ts';
import type { CycleFacts } from '../../../scripts/page/record.ts';
import { databaseRecord, manifestOf } from '../../store/support.ts';
import { ago, allowing, cycleAt, NOW, ninetyDays, production } from '../facts.ts';
import { Told } from './support.ts';

const HOUR = 60 * 60_000;
const step = { database: 'daily', from: 28_000, to: 28_001, how: 'rebuilt', upstreamBytes: 80_000 } as const;
const published = { outcome: 'published', published: [step], upstreamBytes: 81_566 } as const;

function factsAt(past: number, change: Partial<FaceFacts> = {}, cycle: Partial<CycleFacts> = {}): FaceFacts {
  return {
    ...{ manifest: production(), now: new Date(ago(past)), quarantine: {}, coolDown: undefined },
    publicUrl: 'https://clamav.example',
    cycle: cycleAt(past, cycle),
    ...change,
  };
}

function refusal(version: number, code = 'proof/failed', reason = 'clamd 1.4.6 does not load it') {
  const problem = { database: 'daily', code, reason, version };
  return { outcome: 'refused', problems: [problem] } satisfies Partial<CycleFacts>;
}

/** Both feeds, which must not change without news. */
function feedsOf({ pages }: Told) {
  return [pages.get(FEED_XML), pages.get(FEED_JSON)];
}

describe('a feed', () => {
  test('tells of a publication: versions, signatures, origin, bytes', async () => {
    const told = new Told();
    await told.tell(factsAt(HOUR, {}, published));
    expect(told.entries).toMatchObject([
      {
        title: 'daily 28000 → 28001',
        content_text: 'Rebuilt from CDIFFs, 80.0 KB from upstream. 2,081,339 signatures. 23.1 MB.',
        tags: ['published', 'daily'],
        date_published: ago(HOUR),
        url: 'https://clamav.example/index.html#changes',
      },
    ]);
    expect(told.faults).toEqual([]);
    expect(told.xml).toContain(`<updated>${ago(HOUR)}</updated>`);
  });

  test('tells of a publication when its cycle has ended, and never of one that the cycle took back', async () => {
    const told = new Told();
    await told.tell(factsAt(2 * HOUR, { isUnderWay: true }, published));
    expect(told.entries).toEqual([]);
    expect(told.pages.get(INDEX_HTML)).toContain('daily 28000 → 28001');
    const problems = [{ database: 'daily', code: 'read-back/mismatch', reason: undefined }];
    await told.tell(factsAt(2 * HOUR, {}, { outcome: 'failed', problems }));
    expect(told.entries).toEqual([]);
    await told.tell(factsAt(HOUR, { isUnderWay: true }, published)); // and dies
    await told.tell(factsAt(0, { isUnderWay: true }));
    expect(told.entries).toEqual([]);
    await told.tell(factsAt(0));
    expect(told.entries).toMatchObject([{ title: 'daily 28000 → 28001', date_published: ago(HOUR) }]);
  });

  test('counts the signatures that came and went, if that is known when it tells of a version, and never later', async () => {
    const step = (from: number, added: number, removed: number) => ({
      ...{ from, to: from + 1, source: 'cdiff', added, removed, exchanged: 0, bytes: 99 },
    });
    const lists = (...steps: ReturnType<typeof step>[]) =>
      ['changes/daily.json', encodeOverview('daily', steps as StepSummary[])] as const;
    const told = new Told(new Map([lists(step(27_999, 9, 9), step(28_000, 1412, 1))]));
    const twoSteps = { ...published.published[0], from: 27_999 };
    await told.tell(factsAt(4 * HOUR, { isUnderWay: true }, { ...published, published: [twoSteps] }));
    await told.tell(factsAt(4 * HOUR, {}, { ...published, published: [twoSteps] }));
    const gone = new Told();
    for (const one of [told, gone]) {
      const next = { ...published.published[0], from: 28_001, to: 28_002 };
      await one.tell(factsAt(2 * HOUR, { isUnderWay: true }, { ...published, published: [next] }));
      if (one === told) one.pages.set(...lists(step(28_001, 0, 3)));
      await one.tell(factsAt(2 * HOUR, {}, { ...published, published: [next] }));
      one.pages.set(...lists(step(28_001, 0, 7)));
      await one.tell(factsAt(HOUR));
    }
    expect(told.entries.map(({ content_text: text }) => text.split(/\.(?: |$)/)[1])).toEqual([
      '3 signatures removed',
      '1,421 signatures added, 10 removed',
    ]);
    expect(told.xml.match(/rel="related" [^>]*href="[^"]*/g)?.map((link) => link.split('href="')[1])).toEqual(
      ['https://clamav.example/changes/daily-28002.json', 'https://clamav.example/changes/daily.json'],
    );
    expect(told.pages.get(INDEX_HTML)).toContain('<a href="changes/daily-28002.json">daily-28002.json</a>');
    expect(gone.entries[0]?.content_text).not.toContain('removed');
    expect(told.faults).toEqual([]);
  });

  test('is the same, byte for byte, after a cycle without news', async () => {
    const told = new Told();
    await told.tell(factsAt(3 * HOUR, {}, published));
    await told.tell(factsAt(2 * HOUR, {}, refusal(28_002)));
    const before = feedsOf(told);
    await told.tell(factsAt(HOUR));
    await told.tell(
      factsAt(
        0,
        {},
        { outcome: 'failed', problems: [{ database: 'daily', code: 'upstream/unreachable', reason: 'x' }] },
      ),
    );
    expect(feedsOf(told)).toEqual(before);
  });

  test('of a mirror to which nothing has happened yet is valid, and stays as it is', async () => {
    const told = new Told();
    await told.tell(factsAt(HOUR));
    const before = feedsOf(told);
    await told.tell(factsAt(0));
    expect(feedsOf(told)).toEqual(before);
    expect([told.entries, told.faults]).toEqual([[], []]);
  });

  test('has no address of its own where none is known, and its Atom form relative ones', async () => {
    const told = new Told();
    await told.tell(factsAt(0, { publicUrl: undefined }, published));
    expect(told.faults).toEqual([]);
    expect(told.entries[0]).not.toHaveProperty('url');
    expect(told.xml).toContain('<link rel="self" type="application/atom+xml" href="feed.xml"/>');
  });

  test('has the newest entries, within its bytes', async () => {
    const told = new Told();
    const events = Array.from({ length: HISTORY_EVENTS }, (_, at): MirrorEvent => {
      const words = `${at} ${'"'.repeat(290)}`;
      return {
        kind: 'allowed',
        at: ago(HOUR + 1 + at),
        what: words,
        reason: words,
        since: ago(HOUR),
        from: words,
      };
    });
    await told.tell(factsAt(HOUR, { events }, published));
    const sizes = feedsOf(told).map((text) => Buffer.byteLength(text ?? ''));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(FEED_BYTES);
    expect(told.entries.length).toBeLessThanOrEqual(FEED_ENTRIES);
    expect(told.entries[0]).toMatchObject({ tags: ['published', 'daily'] });
    expect(told.xml.match(/<entry>/g)?.length).toBeLessThan(FEED_ENTRIES);
    expect(told.faults).toEqual([]);
  });
});

describe('an entry is', () => {
  test('a refusal, once for each version and reason, however often it is told', async () => {
    const told = new Told();
    await told.tell(factsAt(5 * HOUR, {}, refusal(28_002)));
    const [first] = told.entries;
    await told.tell(factsAt(4 * HOUR, {}, refusal(28_002, 'proof/held', 'refused since then')));
    await told.tell(factsAt(3 * HOUR, {}, refusal(28_002, 'proof/failed', 'the same in other words')));
    expect(told.entries).toEqual([first]);
    expect(first).toMatchObject({
      title: 'daily 28002 refused',
      content_text: 'clamd 1.4.6 does not load it (proof/failed). Clients get daily 28001 as before.',
    });
    await told.tell(factsAt(2 * HOUR, {}, refusal(28_002, 'verify/signature')));
    await told.tell(factsAt(HOUR, {}, refusal(28_003)));
    await told.tell(factsAt(0, {}, refusal(28_004, 'proof/waiting')));
    expect(told.entries.map(({ title }) => title)).toEqual([
      'daily 28004 waits',
      'daily 28003 refused',
      'daily 28002 refused',
      'daily 28002 refused',
    ]);
    expect(new Set(told.entries.map(({ id }) => id)).size).toBe(4);
  });

  test('a refusal of what names no version, once for each version that is served meanwhile', async () => {
    const told = new Told();
    const unnamed = (served: number, past: number) => {
      const manifest = manifestOf({ daily: databaseRecord(served) }, {});
      const problems = [{ database: 'daily', code: 'verify/signature', reason: 'no signature' }];
      return factsAt(past, { manifest }, { outcome: 'refused', problems });
    };
    for (const [served, past] of [
      [1, 3],
      [1, 2],
      [2, 1],
    ] as const)
      await told.tell(unnamed(served, past));
    expect(told.entries.map(({ title }) => title)).toEqual(Array(2).fill('an update of daily refused'));
  });

  test('a rollback with its reason, and a release', async () => {
    const told = new Told();
    await told.tell(factsAt(3 * HOUR, {}, published));
    const held = { since: ago(2 * HOUR), reason: 'false alarms' };
    const manifest = manifestOf({ daily: databaseRecord(28_000, { held }) }, {});
    const back = { ...step, from: 28_001, to: 28_000, how: 'rolled back', upstreamBytes: 0 } as const;
    const { cycle: _, ...beside } = factsAt(2 * HOUR, { manifest, versions: [back] });
    await told.tell(beside);
    const released = {
      kind: 'released',
      at: ago(HOUR),
      database: 'daily',
      version: 28_000,
      since: held.since,
    } as const;
    const { cycle: __, ...later } = factsAt(HOUR, { events: [released] });
    await told.tell(later);
    expect(told.entries.map(({ title, tags }) => [title, tags[0]])).toEqual([
      ['daily released', 'released'],
      ['daily 28001 → 28000, rolled back', 'rolled back'],
      ['daily 28000 → 28001', 'published'],
    ]);
    expect(told.entries[1]?.content_text).toContain('because: false alarms');
  });

  test('an allow-list entry that comes, and one that goes', async () => {
    const told = new Told();
    const own = {
      what: 'Win.Test.Own',
      reason: 'it is ours',
      since: ago(9 * HOUR),
      from: 'command',
    } as const;
    const other = { ...own, what: 'Win.Test.Other', until: ago(-HOUR), from: 'file' } as const;
    const [none, both] = [allowing([]), allowing([own, other])];
    const last = allowing([{ ...other, reason: 'the same entry, for another reason' }]);
    await told.tell(factsAt(2 * HOUR, { previous: none, manifest: both }));
    const first = new Told();
    await first.tell(factsAt(2 * HOUR, { previous: undefined, manifest: both }));
    expect(first.entries.map(({ title }) => title)).toEqual(told.entries.map(({ title }) => title));
    await told.tell(factsAt(HOUR, { previous: both, manifest: last }));
    await told.tell(factsAt(0, { manifest: last }));
    expect(told.entries.map(({ title }) => title)).toEqual([
      'No longer allowed: Win.Test.Own',
      'Allowed: Win.Test.Other',
      'Allowed: Win.Test.Own',
    ]);
    expect(told.entries[2]?.content_text).toBe('it is ours. Since 2026-11-28 01:27 UTC. By a command.');
    expect(told.faults).toEqual([]);
  });
});

describe('the id of an entry', () => {
  test('is not that of another mirror, where the same happened at the same time', async () => {
    const [one, other] = [new Told(), new Told()];
    for (const told of [one, other]) await told.tell(factsAt(0, {}, published));
    expect(one.entries[0]?.id).not.toBe(other.entries[0]?.id);
  });

  test('stays where only the history was brought back, at another address', async () => {
    const told = new Told();
    await told.tell(factsAt(2 * HOUR, {}, { ...published, ...refusal(28_002) }));
    const restored = new Told(new Map([[HISTORY_JSON, told.pages.get(HISTORY_JSON) ?? '']]));
    await restored.tell(factsAt(HOUR, { publicUrl: 'http://other.example/clamav/' }));
    const idsOf = ({ entries }: Told) => entries.map(({ id }) => id);
    expect(idsOf(restored)).toEqual(idsOf(told));
    expect(/<id>[^<]*/.exec(restored.xml)?.[0]).toBe(/<id>[^<]*/.exec(told.xml)?.[0]);
    expect(restored.xml).toContain('href="http://other.example/clamav/feed.xml"');
  });

  test('of a refusal that still holds stays where the history is lost, or written by an earlier version', async () => {
    const told = new Told();
    await told.tell(factsAt(2 * HOUR, {}, { ...published, ...refusal(28_002) }));
    const before = new Map(told.entries.map(({ id, title }) => [title, id]));
    const until = ago(-HOUR);
    const daily = { version: 28_002, code: 'proof/failed', reason: 'no', since: ago(2 * HOUR), until };
    told.pages.delete(HISTORY_JSON);
    await told.tell(factsAt(HOUR, { quarantine: { daily } }, refusal(28_002, 'proof/held')));
    expect(told.entries.map(({ id, title }) => before.get(title) === id)).toEqual([true]);
    const { feed: _, events: __, ...old } = JSON.parse(told.pages.get(HISTORY_JSON) ?? '');
    told.pages.set(HISTORY_JSON, JSON.stringify(old));
    await told.tell(factsAt(0, { quarantine: { daily } }));
    expect(told.entries.map(({ id, title }) => before.get(title) === id)).toEqual([true]);
  });

  test('and all that an entry says stay when a cycle is told again', async () => {
    const told = new Told();
    await told.tell(factsAt(2 * HOUR, { now: new Date(ago(2 * HOUR - 60_000)) }, published));
    const before = feedsOf(told);
    await told.tell(factsAt(2 * HOUR, { now: new Date(ago(HOUR)) }, published));
    expect(feedsOf(told)).toEqual(before);
  });

  test('is there for each change of a history of before', async () => {
    const history = ninetyDays(production());
    const old = history.changes.map(({ signatures: _, size: __, ...one }) => one);
    const told = new Told(new Map([[HISTORY_JSON, historyJson({ ...history, changes: old })]]));
    await told.tell(factsAt(0));
    expect(told.entries).toHaveLength(history.changes.length);
    expect(told.faults).toEqual([]);
    const before = feedsOf(told);
    await told.tell(factsAt(0, { now: NOW }));
    expect(feedsOf(told)).toEqual(before);
  });
});
