import { describe, expect, test } from 'vitest';
import type { CycleReport, DatabaseReport } from '../../scripts/cycle/report.ts';
import { classOf, reportOnCycle } from '../../scripts/notify/cycle-failures.ts';
import { parseRunReport } from '../../scripts/notify/run-report.ts';

const AT = new Date('2026-11-21T12:00:00Z');
const about = { serving: null, log: ['the last line'], isReadBack: false, at: AT };

function cycle(
  databases: Record<string, Partial<DatabaseReport>>,
  more: Partial<CycleReport> = {},
): CycleReport {
  const whole = (one: Partial<DatabaseReport>): DatabaseReport => ({
    outcome: 'unchanged',
    from: 5,
    to: 5,
    how: 'unchanged',
    upstreamBytes: 0,
    notes: [],
    ...one,
  });
  return {
    outcome: 'unchanged',
    databases: Object.fromEntries(Object.entries(databases).map(([name, one]) => [name, whole(one)])),
    proof: null,
    upstreamBytes: 0,
    duration: 1,
    times: {},
    ...more,
  };
}

describe('an error belongs to the class that its reader would put it in', () => {
  test.each([
    ['upstream/cool-down', 'upstream'],
    ['upstream/missing', 'upstream'],
    ['verify/signature', 'integrity'],
    ['verify/held', 'integrity'],
    ['cvd/header', 'integrity'],
    ['proof/failed', 'proof'],
    ['proof/held', 'proof'],
    ['engine/broken', 'engine'],
    ['engine/confined', 'configuration'],
    ['engine/missing', 'configuration'],
    ['setting/invalid', 'configuration'],
    ['sample/list', 'configuration'],
    ['store/credentials', 'configuration'],
    ['store/denied', 'configuration'],
    ['store/full', 'publication'],
    ['store/conflict', 'publication'],
    ['file/busy', 'publication'],
    ['ENOSPC', 'publication'],
    ['unexpected', 'publication'],
    ['read-back/mismatch', 'host'],
    ['extra/gone', 'extras'],
  ])('%s: %s', (code, expected) => {
    expect(classOf(code)).toBe(expected);
  });
});

describe('an extra', () => {
  const since = (hours: number) => new Date(AT.getTime() - hours * 3_600_000).toISOString();
  const told = (extras: CycleReport['extras']) => {
    const { failures, recovered } = reportOnCycle(cycle({ daily: {} }, extras && { extras }), about);
    return {
      failures: failures.map(({ class: kind, code }) => `${kind} ${code}`),
      isWell: recovered.includes('extras'),
    };
  };

  test('that is refused is a failure of its own, and the databases are well', () => {
    const extras = {
      'own.ndb': { outcome: 'refused', code: 'proof/failed', reason: 'it hides EICAR' },
      'local.ign2': { outcome: 'published' },
    } as const;
    expect(told(extras)).toEqual({ failures: ['extras proof/failed'], isWell: false });
    expect(reportOnCycle(cycle({ daily: {} }, { extras }), about).recovered).toContain('proof');
  });

  test('whose source fails is told after a day, and is not called well before', () => {
    const failed = { outcome: 'failed', code: 'extra/gone', reason: '404' } as const;
    const [hours, days] = [3, 25].map((each) => told({ 'own.ndb': { ...failed, since: since(each) } }));
    expect(hours).toEqual({ failures: [], isWell: false });
    expect(days).toEqual({ failures: ['extras extra/gone'], isWell: false });
  });

  test('that is there again, or wanted no more, closes what was told', () => {
    for (const extras of [
      undefined,
      { 'own.ndb': { outcome: 'unchanged' } },
      { 'own.ndb': { outcome: 'retired' } },
    ] as const)
      expect(told(extras)).toEqual({ failures: [], isWell: true });
  });
});

describe('a cycle that went well', () => {
  test('shows all to be well but the host, which it did not look at', () => {
    expect(reportOnCycle(cycle({ daily: {} }), about)).toEqual({
      failures: [],
      recovered: ['configuration', 'upstream', 'integrity', 'engine', 'proof', 'publication', 'extras'],
      serving: null,
      upstream: { daily: 5 },
      at: AT.toISOString(),
    });
  });

  test('shows the host to be well if it was read back', () => {
    const report = cycle({ daily: { outcome: 'published', to: 6 } }, { outcome: 'published' });
    expect(reportOnCycle(report, { ...about, isReadBack: true }).recovered).toContain('host');
  });

  test('mends nothing if it was a dry run', () => {
    const report = cycle({ daily: { outcome: 'proven', offered: 6 } }, { outcome: 'proven' });
    expect(reportOnCycle(report, about)).toMatchObject({ recovered: [], upstream: { daily: 6 } });
  });
});

describe('a cycle that failed', () => {
  test('tells of each class once, and shows to be well what comes before the first', () => {
    const report = cycle(
      {
        main: { outcome: 'refused', code: 'proof/failed', reason: 'clamd died', offered: 6 },
        daily: { outcome: 'refused', code: 'proof/held', reason: 'refused before', offered: 7 },
        bytecode: { outcome: 'refused', code: 'verify/signature', reason: 'forged' },
      },
      { outcome: 'refused' },
    );
    expect(reportOnCycle(report, about)).toMatchObject({
      failures: [
        {
          class: 'proof',
          code: 'proof/failed',
          what: 'main: clamd died; daily: refused before',
          about: 'main 6, daily 7',
        },
        { class: 'integrity', code: 'verify/signature', what: 'bytecode: forged', log: ['the last line'] },
      ],
      recovered: ['configuration', 'upstream', 'extras'],
      upstream: { main: 6, daily: 7 },
    });
  });

  test('names no more databases than a title has room for', () => {
    const one = { outcome: 'refused', code: 'proof/failed', reason: 'no', offered: 6 } as const;
    const report = cycle({ a: one, b: one, c: one, d: one, e: one }, { outcome: 'refused' });
    const told = reportOnCycle(report, about);
    expect(told.failures[0]?.about).toBe('a 6, b 6, c 6 and 2 others');
    expect(parseRunReport(JSON.stringify(told))).toEqual(told);
  });

  test('loses of a report only the title if that is not one of ours', () => {
    const told = reportOnCycle(cycle({ daily: { outcome: 'failed', code: 'upstream/dns' } }), about);
    const hostile = { ...told, failures: told.failures.map((one) => ({ ...one, about: '@team <img>' })) };
    expect(parseRunReport(JSON.stringify(hostile))?.failures).toMatchObject([{ code: 'upstream/dns' }]);
    expect(JSON.stringify(parseRunReport(JSON.stringify(hostile)))).not.toContain('@team');
  });

  test('shows nothing to be well if it ended as a whole', () => {
    const error = { code: 'store/unreachable', message: 'no answer' };
    expect(reportOnCycle(cycle({}, { outcome: 'failed', error }), about)).toMatchObject({
      failures: [{ class: 'publication', what: 'no answer' }],
      recovered: [],
    });
  });

  test('can be handed on as text', () => {
    const report = reportOnCycle(cycle({ daily: { outcome: 'failed', code: 'upstream/dns' } }), about);
    expect(parseRunReport(JSON.stringify(report))).toEqual(report);
    expect(parseRunReport('{"failures":[]}')).toBeUndefined();
    expect(parseRunReport('cancelled')).toBeUndefined();
  });
});
