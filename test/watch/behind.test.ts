import { beforeEach, describe, expect, test } from 'vitest';
import type { DatabaseRecord, Manifest } from '../../scripts/mirror/manifest.ts';
import { behindSince, checkBehind, checkKnown, checkLastCheck } from '../../scripts/watch/behind.ts';
import { databaseRecord, manifestOf } from '../store/support.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.parse('2026-06-10T12:00:00Z');
const limits = { warn: DAY, fail: 2 * DAY };

/** How many hours behind a mirror is whose build is `ours` hours old. */
function hoursBehind(
  ours: number,
  { steps = 1, newest, checked }: { steps?: number; newest?: number; checked?: number },
): number {
  const at = (age: number | undefined) => (age === undefined ? undefined : NOW - age * HOUR);
  const built = NOW - ours * HOUR;
  const since = behindSince(
    { version: 10, built },
    { version: 10 + steps, built: at(newest), checked: at(checked), now: NOW },
  );
  return (NOW - since) / HOUR;
}

describe('a mirror is behind since the version after its own was to be had', () => {
  test('which is when the newest was built, if that is the one', () => {
    expect(hoursBehind(30, { newest: 5 })).toBe(5);
    expect(hoursBehind(5000, { newest: 5, checked: 60 })).toBe(5);
  });

  test('and not when the newest was built, if more have come: they come at even intervals', () => {
    expect(hoursBehind(76, { steps: 3, newest: 4 })).toBe(52);
  });

  test('and if only DNS tells of it, since the last check that was well', () => {
    expect(hoursBehind(30, { checked: 5 })).toBe(5);
    expect(hoursBehind(5000, { checked: 36 })).toBe(36);
  });

  test('but checks that go well for days say nothing while DNS runs ahead by more and more', () => {
    expect(hoursBehind(72, { steps: 3, checked: 0.5 })).toBe(48);
  });

  test('and never since before its own was built', () => {
    expect(hoursBehind(20, { checked: 70 })).toBe(20);
  });
});

describe('how old a mirror may be', () => {
  let published = '2026-05-20T00:00:00Z';
  beforeEach(() => {
    published = '2026-05-20T00:00:00Z';
  });
  const behind = (age: number, held?: { since: string; reason: string }) => {
    const manifest = {
      checked: new Date(NOW).toISOString(),
      published,
      databases: { daily: { version: 10, held } },
      files: { 'archive/daily-11.cvd': {} },
      proof: {},
    } as unknown as Manifest;
    const [finding] = checkBehind(
      'daily',
      { version: 10, built: NOW - 90 * HOUR },
      { version: 11, built: NOW - age * HOUR },
      { manifest, limits, now: NOW },
    );
    return finding?.verdict;
  };

  test('hours are well, more than a day is a warning, more than two are a fault', () => {
    expect([5, 23.9, 24.1, 36, 47.9, 48.1, 72].map((age) => behind(age))).toEqual([
      'good',
      'good',
      'warning',
      'warning',
      'warning',
      'fault',
      'fault',
    ]);
  });

  test('a database that somebody pinned may stay where it is for a day; then somebody should look again', () => {
    const pin = (since: string) => behind(500, { since, reason: 'it flags our own installer' });
    expect(pin('2026-05-19T23:00:00Z')).toBe('warning');
    const young = new Date(NOW - 5 * HOUR).toISOString();
    published = young;
    expect(pin(young)).toBe('good');
  });

  test('a pin that no rollback can have made is told as one', () => {
    expect(behind(500, { since: '2026-05-01T00:00:00Z', reason: ' ' })).toBe('warning');
    expect(behind(500, { since: '2026-06-01T00:00:00Z', reason: 'nothing was published since' })).toBe(
      'warning',
    );
  });

  describe('the last check as well', () => {
    const at = (age: number) => new Date(NOW - age * HOUR).toISOString();
    const checks = (manifest: Manifest, databases?: readonly string[]) =>
      checkLastCheck(manifest, databases, { limits, now: NOW }).map(
        ({ subject, verdict }) => `${subject}: ${verdict}`,
      );
    const of = (databases: Record<string, Partial<DatabaseRecord>>) =>
      manifestOf(
        Object.fromEntries(
          Object.entries(databases).map(([name, change]) => [name, databaseRecord(10, change)]),
        ),
        {},
        { checked: at(1) },
      );

    test('and one that lies ahead is no good sign', () => {
      const last = (age: number) => checks(of({ daily: { checked: at(age) } }))[0];
      expect([-5, -0.5, 1, 25, 49].map(last)).toEqual(
        ['warning', 'good', 'good', 'warning', 'fault'].map((verdict) => `daily: ${verdict}`),
      );
    });

    test('of each database: one that was refused makes no other one old', () => {
      const seen = { at: at(1), version: 11 };
      const manifest = of({ main: { checked: at(1) }, daily: { checked: at(72), seen } });
      expect(checks(manifest)).toEqual(['main: good', 'daily: fault']);
      expect(checks(manifest, ['main'])).toEqual(['main: good']);
      const [finding] = checkLastCheck(manifest, ['daily'], { limits, now: NOW });
      expect(finding?.what).toContain('11');
    });

    test('as one, where all are of one time, and by the one time that earlier versions told', () => {
      expect(checks(of({ main: {}, daily: {} }))).toEqual(['mirror: good']);
      expect(checks(of({ main: { checked: at(72) }, daily: { checked: at(72) } }))).toEqual([
        'mirror: fault',
      ]);
      expect(checks(of({}))).toEqual(['mirror: good']);
    });

    test('is no fault of one that is not mirrored any more', () => {
      expect(checks(of({ main: {}, daily: { checked: at(500), left: at(490) } }))).toEqual([
        'main: good',
        'daily: warning',
      ]);
    });
  });

  test('what upstream has is a warning if nobody tells', () => {
    const versions = new Map([['daily', { version: 11, built: undefined }]]);
    expect(checkKnown(['daily'], { versions, doubts: [] })).toEqual([]);
    const [finding] = checkKnown(['main', 'daily'], { versions, doubts: ['no nameserver answered'] });
    expect(finding).toMatchObject({
      verdict: 'warning',
      what: expect.stringMatching(/main .*no nameserver/),
    });
  });
});
