import { describe, expect, test } from 'vitest';
import { type Checks, withChecks } from '../../scripts/cycle/checked.ts';
import type { Update } from '../../scripts/cycle/database.ts';
import type { DatabaseRecord } from '../../scripts/mirror/manifest.ts';
import { databaseRecord, manifestOf } from '../store/support.ts';

const NOW = new Date('2026-06-02T12:00:00Z');
const BEFORE = '2026-06-01T12:00:00.000Z'; // what `manifestOf` says
const [EARLY, LATE] = ['2026-06-02T07:00:00.000Z', '2026-06-02T11:00:00.000Z'];

/** One database in a cycle: when upstream's header was seen, and what became of it. */
interface Told extends Partial<Update> {
  readonly seen?: string;
  readonly change?: Partial<DatabaseRecord>;
}

/** What is written down after a cycle of main 62 and daily 9. */
function check(told: Readonly<Record<string, Told>>, change: Partial<Checks> & { damaged?: string[] } = {}) {
  const { damaged = [], ...checks } = change;
  const records = { main: databaseRecord(62), daily: databaseRecord(9) };
  const manifest = manifestOf(records, {});
  const published = {
    ...{ manifest, tag: 'tag', databases: new Map(Object.entries(records)) },
    ...{ damaged, lostSigns: [], listing: new Map() },
  };
  const updates = Object.entries(told).map(([database, { seen, change: more, ...one }]): Update => {
    const before = manifest.databases[database];
    const at = seen === undefined ? {} : { seen: { at: seen, version: before?.version ?? 0 } };
    const record = before && { ...before, ...at, ...more };
    return { database, record, how: 'unchanged', isNew: false, ...one };
  });
  const after = Object.fromEntries(
    Object.entries(records).map(([database, record]) => [
      database,
      updates.find((one) => one.database === database)?.record ?? record,
    ]),
  );
  const all = { published, updates, mirrored: ['main', 'daily'], now: NOW, ...checks };
  const { checked, databases } = withChecks(after, all);
  return { all: checked, main: databases.main?.checked, daily: databases.daily?.checked, databases };
}

describe('a database is checked', () => {
  test('when its own header was seen, and all of them when that of the oldest was', () => {
    expect(check({ main: { seen: EARLY }, daily: { seen: LATE } })).toMatchObject({
      ...{ all: EARLY, main: EARLY, daily: LATE },
    });
  });

  test.each<[string, Told]>([
    ['was refused', { seen: LATE, error: new Error(), change: { seen: { at: LATE, version: 10 } } }],
    ['could not be asked for', { error: new Error() }],
    ['has a later version that was not taken', { change: { seen: { at: LATE, version: 10 } } }],
    ['lags behind', { change: { seen: { at: EARLY, version: 9, ahead: { version: 10, since: LATE } } } }],
  ])('by itself: one that %s gets old alone', (_, daily) => {
    const checked = check({ main: { seen: LATE }, daily });
    expect(checked).toMatchObject({ all: LATE, main: LATE, daily: BEFORE });
  });

  test('not at all in a cycle that saw nothing', () => {
    const none = { error: new Error() };
    expect(check({ main: none, daily: none })).toMatchObject({ all: BEFORE, main: BEFORE, daily: BEFORE });
    expect(check({})).toMatchObject({ all: BEFORE, main: BEFORE, daily: BEFORE });
  });

  test('while a file of it is broken at no time, and all of them at none', () => {
    const both = { main: { seen: LATE }, daily: { seen: LATE } };
    expect(check(both, { damaged: ['daily'] })).toMatchObject({ all: BEFORE, main: LATE, daily: BEFORE });
    const healed = { ...both, daily: { seen: LATE, isNew: true } };
    expect(check(healed, { damaged: ['daily'] })).toMatchObject({ all: LATE, daily: LATE });
  });

  test('at its version too, if somebody holds it there', () => {
    const held = { since: EARLY, reason: 'it flags our installer' };
    const daily = { change: { seen: { at: LATE, version: 10 }, held } };
    expect(check({ main: { seen: LATE }, daily })).toMatchObject({ all: LATE, daily: LATE });
  });

  test('never ahead of the clock', () => {
    const ahead = '2099-01-01T00:00:00.000Z';
    const checked = check({ main: { seen: ahead }, daily: { change: { checked: ahead } } });
    expect(checked).toMatchObject({ all: NOW.toISOString(), daily: NOW.toISOString() });
  });
});

test('one that is not mirrored any more keeps its time, and says since when, until it is mirrored again', () => {
  const { all, databases } = check({ main: { seen: LATE } }, { mirrored: ['main'] });
  expect(all).toBe(LATE);
  expect(databases.daily).toMatchObject({ checked: BEFORE, left: NOW.toISOString() });
  const again = check({ daily: { seen: LATE, change: { left: BEFORE } } });
  expect(again.databases.daily).not.toHaveProperty('left');
  const still = check({ daily: { change: { left: BEFORE } } }, { mirrored: ['main'] });
  expect(still.databases.daily).toMatchObject({ left: BEFORE });
});

test('what was read of the store is told, and what was not read tells no new time', () => {
  const hashed = new Map([['main', EARLY]]);
  const { databases } = check({ main: { seen: LATE }, daily: { seen: LATE } }, { hashed });
  expect(databases.main).toMatchObject({ hashed: EARLY });
  expect(databases.daily).not.toHaveProperty('hashed');
});
