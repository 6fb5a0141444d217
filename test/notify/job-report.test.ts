import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { fewer, fits, handedOn } from '../../scripts/notify/job-report.ts';
import { FAILURE_CLASSES, parseRunReport, type RunReport } from '../../scripts/notify/run-report.ts';
import { variableOf } from '../../scripts/settings/read.ts';

const TIME = '2026-06-01T12:00:00.000Z';

function reportOf(count: number, words: string): RunReport {
  const versions = Object.fromEntries([...Array(count).keys()].map((at) => [`database_${at}`, 28_000 + at]));
  const failures = FAILURE_CLASSES.map((kind) => ({
    class: kind,
    code: 'unexpected',
    what: words.repeat(4000).slice(0, 4000),
    log: Array(100).fill(words.repeat(1000)),
  }));
  const serving = { versions, checked: TIME, published: TIME };
  return { failures, recovered: [], serving, upstream: versions, at: TIME };
}

test('a report that fits is handed on as it is', () => {
  const report = reportOf(3, '');
  expect(parseRunReport(handedOn(report))).toEqual(report);
});

test.each(['plain words ', '"\\', '\u0001', 'ä', '𝒳', '"]'])(
  'one of 12,000 databases and logs full of %j fits into a variable, with all that it has to tell of',
  (words) => {
    const report = reportOf(12_000, words);
    const output = handedOn(report);
    expect(parseRunReport(output)?.failures.map((failure) => failure.class)).toEqual(FAILURE_CLASSES);
    const versions = JSON.stringify(fewer(report.upstream));
    expect(fits(versions)).toBe(true);
    const needs = {
      check: { result: 'success', outputs: {} },
      mirror: { outputs: { report: output, versions } },
    };
    const text = JSON.stringify(needs, undefined, 2).replace(
      /[^ -~\n]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    const env = { [variableOf('needs')]: text };
    expect(String(execFileSync(process.execPath, ['-p', '1'], { env }))).toBe('1\n');
  },
);

test('an output that would leave no room is known', () => {
  expect(fits('x'.repeat(1000))).toBe(true);
  expect(fits('"'.repeat(10_000))).toBe(false);
});
