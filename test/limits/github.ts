import { expect } from 'vitest';
import { actionsLog } from '../../scripts/action/actions-log.ts';
import { withinSummary } from '../../scripts/action/run.ts';
import {
  FAILURE_CHARACTERS,
  FAULTS,
  LOG_TAIL,
  OUTPUT_BYTES,
  REPORT_BYTES,
  SUMMARY_CHARACTERS,
} from '../../scripts/base/limits/github.ts';
import { reportOnError } from '../../scripts/notify/cycle-failures.ts';
import { fits, handedOn } from '../../scripts/notify/job-report.ts';
import { parseRunReport } from '../../scripts/notify/run-report.ts';
import { verdictsOf } from '../../scripts/watch/failures.ts';
import { elsewhere, ends, type Row } from './rows.ts';

const AT = new Date('2026-06-01T12:00:00.000Z');
const TROUBLE = 'notify/github-errors.test.ts';
const BODY = 'notify/issue-body.test.ts';
const PING = 'notify/healthcheck.test.ts';
const CACHE = 'action/cache.it.test.ts';
const reportOf = (what: string, log: readonly string[] = []) =>
  reportOnError({ code: 'unexpected', what }, { log, at: AT });
const isCut = 'the rest is left out';

export const GITHUB_LIMITS: Readonly<Record<string, Row>> = {
  REPORT_BYTES: ends('it loses what matters least', () => {
    const report = reportOf(
      'x',
      [...Array(100).keys()].map((at) => `${at}`.padEnd(REPORT_BYTES / 99)),
    );
    const text = handedOn(report);
    expect(text.length).toBeLessThanOrEqual(REPORT_BYTES);
    expect(parseRunReport(text)?.failures).toMatchObject([{ code: 'unexpected', what: 'x' }]);
  }),
  OUTPUT_BYTES: ends('it is left empty, with a warning', () => {
    expect(fits('x'.repeat(OUTPUT_BYTES - 2))).toBe(true); // and two quotes
    expect(fits('x'.repeat(OUTPUT_BYTES - 1))).toBe(false);
  }),
  SUMMARY_CHARACTERS: ends(isCut, () => {
    expect(withinSummary('x'.repeat(SUMMARY_CHARACTERS + 1))).toHaveLength(SUMMARY_CHARACTERS);
  }),
  FAILURE_CHARACTERS: ends(isCut, () => {
    const [failure] = reportOf('x'.repeat(FAILURE_CHARACTERS + 1)).failures;
    expect(failure?.what).toHaveLength(FAILURE_CHARACTERS);
  }),
  'LOG_TAIL.lines': elsewhere('the first lines go', 'action/log.test.ts', 'the last lines are kept'),
  'LOG_TAIL.characters': ends(isCut, () => {
    const log = actionsLog();
    log.info('x'.repeat(LOG_TAIL.characters + 1));
    expect(log.tail.at(-1)).toHaveLength(LOG_TAIL.characters);
  }),
  'ISSUE.what': elsewhere(isCut, BODY, 'never makes a body too long: %j'),
  'ISSUE.advice': elsewhere(isCut, BODY, 'never makes a body too long: %j'),
  'ISSUE.log': elsewhere(isCut, BODY, 'never makes a body too long: %j'),
  'ISSUE.logLines': elsewhere('the first lines go', BODY, 'of a log is kept to its last lines'),
  'ISSUE.line': elsewhere(isCut, BODY, 'never makes a body too long: %j'),
  'ISSUE.databases': elsewhere(isCut, BODY, 'never makes a body too long: %j'),
  ISSUE_PAGES: elsewhere('ours are found all the same', 'notify/issues.test.ts', 'however many there are'),
  'GITHUB_PACE.timeout': elsewhere('a warning', TROUBLE, 'the API does not answer'),
  'GITHUB_PACE.pause': elsewhere('a warning', TROUBLE, 'the API fails'),
  'GITHUB_PACE.longestWait': elsewhere('a warning', TROUBLE, 'the rate is limited for long'),
  'PING_PATIENCE.answer': elsewhere('a warning', PING, 'gives up in bounded time'),
  'PING_PATIENCE.waits.0': elsewhere('a warning', PING, 'is tried again if the service has trouble'),
  'PING_PATIENCE.waits.1': elsewhere('a warning', PING, 'gives up in bounded time'),
  PING_CHARACTERS: elsewhere(isCut, PING, 'cuts a long text'),
  PING_ANSWER_BYTES: elsewhere('no more of it is read', PING, 'reads no more of an answer than it needs'),
  'FAULTS.lines': ends('the last ones are only counted', () => {
    expect(faultsOf(FAULTS.lines + 1, 'x')?.log).toHaveLength(FAULTS.lines);
  }),
  'FAULTS.characters': ends(isCut, () => {
    expect(faultsOf(1, 'x'.repeat(FAULTS.characters + 1))?.log[0]).toHaveLength(FAULTS.characters);
  }),
  ISSUES_BYTES: elsewhere('a cycle is wanted', 'action/check.it.test.ts', 'a list of issues without an end'),
  'CACHE_MS.restore': elsewhere(
    'nothing is restored',
    CACHE,
    'of a service that is too slow for our patience',
  ),
  'CACHE_MS.save': elsewhere('nothing is saved', CACHE, 'of a service that is too slow for our patience'),
  CACHE_BYTES: elsewhere('nothing is restored', CACHE, 'more than any disk has'),
  CACHE_FILES: elsewhere('nothing is restored', CACHE, 'more files than any mirror has'),
  CACHE_GROWTH_BYTES: elsewhere('nothing is restored', CACHE, 'a bomb of zeros'),
  CACHED_STATE_BYTES: elsewhere('nothing is restored', CACHE, 'a state that is no state of ours by its size'),
};

/** What a report tells of so many faults of a mirror. */
function faultsOf(count: number, what: string) {
  const fault = { subject: 'mirror', check: 'range', verdict: 'fault', what } as const;
  return verdictsOf(Array(count).fill(fault), true).failures[0];
}
