import type { Failure, RunReport } from './run-report.ts';

/** Result of a job before ours, as GitHub names it. */
export type JobResult = 'success' | 'failure' | 'cancelled' | 'skipped';

/** At most one failure of each class. A job that failed without a report is a failure too, and must not be lost. */
export function failuresOf(
  report: RunReport | undefined,
  results: Readonly<Record<string, JobResult>>,
): readonly Failure[] {
  const byClass = new Map((report?.failures ?? []).toReversed().map((failure) => [failure.class, failure]));
  const told = [...byClass.values()].toReversed();
  const ended = Object.entries(results).filter(
    ([, result]) => result === 'failure' || result === 'cancelled',
  );
  if (ended.length === 0 || byClass.has('publication')) return told;
  const what = ended.map(([job, result]) => `the job ${job} ended as ${result}`).join(', ');
  const said = report === undefined ? 'before it could report' : 'although its report names no failure';
  return [
    { class: 'publication', code: 'run/ended', what: `The run ended ${said}: ${what}.`, log: [] },
    ...told,
  ];
}
