import { describe, expect, test } from 'vitest';
import { historyJson, NO_HISTORY, parseHistory } from '../../scripts/page/history.ts';
import { withCycle, withVersions } from '../../scripts/page/record.ts';
import { ago, cycleAt, NOW, ninetyDays, production } from './facts.ts';

const DAY = 24 * 60 * 60_000;
const manifest = production();
const step = { database: 'daily', from: 28_000, to: 28_001, how: 'rebuilt', upstreamBytes: 80_000 } as const;
const published = { outcome: 'published', published: [step], upstreamBytes: 81_566 } as const;

describe('a history', () => {
  test('is read back as it was written', () => {
    const history = { ...ninetyDays(manifest), publicUrl: 'https://clamav.example' };
    expect(parseHistory(historyJson(history), NOW)).toEqual(history);
  });

  test.each([
    ['no file', undefined],
    ['no JSON', '{'],
    ['a list', '[]'],
    ['another form', '{"cycles":"many","days":3}'],
    ['a mirror of before', '{}'],
  ])('of %s is empty', (_, text) => {
    expect(parseHistory(text, NOW)).toEqual(NO_HISTORY);
  });

  test('loses only the entries that cannot be understood or lie ahead', () => {
    const { cycles, days, changes } = ninetyDays(manifest, 2);
    const wrong = [null, 7, { at: 'now' }, { ...cycles[0], seconds: -1 }, { ...cycles[0], at: ago(-DAY) }];
    const text = JSON.stringify({
      cycles: [...wrong, ...cycles],
      days: [{ ...days[0], day: '2026-12-31' }, ...days],
      changes: [{ ...changes[0], database: '../x' }, ...changes],
      obtained: { '../x': {}, daily: { version: 'x' }, __proto__: {} },
      publicUrl: 'javascript:alert(1)',
    });
    expect(parseHistory(text, NOW)).toEqual({ ...NO_HISTORY, cycles, days, changes });
  });
});

describe('a cycle', () => {
  test('that was told before counts once, with what came of it in the end', () => {
    const once = withCycle(NO_HISTORY, cycleAt(1000, published), manifest, NOW);
    const failure = { database: undefined, code: 'read-back/mismatch', reason: undefined };
    const twice = withCycle(once, cycleAt(1000, { outcome: 'failed', problems: [failure] }), manifest, NOW);
    expect(once).toMatchObject({ cycles: [{ wholeBytes: 23_068_672 }], changes: [{ to: 28_001 }] });
    expect(twice).toMatchObject({ cycles: [{ error: 'read-back/mismatch' }], changes: [] });
    expect(twice.days).toMatchObject([{ cycles: 1, failed: 1, published: 0, wholeBytes: 0 }]);
  });

  test('adds to its day, and the day keeps the age of what was published in it', () => {
    const first = withCycle(NO_HISTORY, cycleAt(5000, published), manifest, NOW);
    const { days } = withCycle(first, cycleAt(1000), manifest, NOW);
    expect(days).toMatchObject([
      { cycles: 2, published: 1, upstreamBytes: 81_566 + 1566, wholeBytes: 23_068_672 },
    ]);
    expect(days[0]?.databases).toMatchObject({ daily: { version: 28_001, age: 4 * 3600 } });
    expect(days[0]?.databases.main).not.toHaveProperty('age');
  });

  test('brings a change and the origin of a version; a rollback does too', () => {
    const after = withCycle(NO_HISTORY, cycleAt(1000, published), manifest, NOW);
    expect(after.obtained.daily).toMatchObject({ version: 28_001, how: 'rebuilt', upstreamBytes: 80_000 });
    const back = { ...step, from: 28_001, to: 28_000, how: 'rolled back' } as const;
    expect(after.changes).toMatchObject([{ isPending: true, signatures: 2_081_339 }]);
    const rolled = withVersions(after, [back], manifest, NOW);
    expect(rolled.changes.map(({ to }) => to)).toEqual([28_001, 28_000]);
    expect(withVersions(rolled, [back], manifest, NOW)).toEqual(rolled);
  });

  test('leaves alone what came before it, also where the clock went back', () => {
    const before = withCycle(NO_HISTORY, cycleAt(1000, published), manifest, NOW);
    const after = withCycle(before, cycleAt(DAY), manifest, new Date(ago(DAY)));
    expect(after.changes).toEqual(before.changes);
  });

  test('does not bring the same version twice at one moment of the clock', () => {
    const back = { ...step, from: 28_001, to: 28_000, how: 'rolled back' } as const;
    const both = [step, back, step, back];
    const { changes } = both.reduce((all, one) => withVersions(all, [one], manifest, NOW), NO_HISTORY);
    expect(new Set(changes.map(({ at, to }) => `${at} ${to}`)).size).toBe(4);
  });
});
