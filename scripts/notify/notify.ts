import { explain } from '../base/errors.ts';
import { counted } from '../base/words.ts';

import { oneLine } from './escape.ts';
import { failuresOf, type JobResult } from './failures.ts';
import { earlierRuns } from './github/earlier-runs.ts';
import { explainGitHub } from './github/github-errors.ts';
import { type IssueContext, raise, resolve } from './github/issues.ts';
import { type OurIssue, ourIssues } from './github/our-issues.ts';
import { type EarlierRuns, isDue } from './patience.ts';
import type { Failure, FailureClass, RunReport } from './run-report.ts';

export interface NotifyContext extends IssueContext {
  /** Results of the jobs before ours, by name: of those whose own report tells of no failure. */
  readonly results: Readonly<Record<string, JobResult>>;
  /** Runs in a row that must fail before an issue is opened for a failure that may pass by itself. */
  readonly patience: number;
}

export interface Notified {
  /** Number of the issue of the first failure that has one. */
  readonly issue: number | undefined;
  /** Annotations: each failure that no issue could report, so that it stays visible, and the reason. */
  readonly warnings: readonly string[];
}

/**
 * Opens, updates and closes the issues of one run. Never throws: a problem with GitHub becomes a warning, and does not
 * change the verdict over the run.
 */
export async function notify(report: RunReport | undefined, context: NotifyContext): Promise<Notified> {
  const warnings: string[] = [];
  const numbers: number[] = [];
  const failures = failuresOf(report, context.results);
  const untold = (failure: Failure, error: unknown) => {
    const what = `${failure.class} (${oneLine(failure.code)}): ${oneLine(failure.what)}`;
    warnings.push(`No issue reports this failure: ${explainGitHub(error)}. The failure: ${what}`);
  };
  const recovered = new Set(report?.recovered ?? []);
  for (const failure of failures) recovered.delete(failure.class);
  if (failures.length === 0 && recovered.size === 0) return { issue: undefined, warnings };

  let open: OurIssue[];
  try {
    open = await ourIssues(context.github, context.mirror, { state: 'open' });
  } catch (error) {
    for (const failure of failures) untold(failure, error);
    if (recovered.size > 0) warnings.push(notClosed([...recovered], error));
    return { issue: undefined, warnings };
  }

  const earlier = failures.length === 0 ? undefined : await remembered(context);
  for (const failure of failures) {
    try {
      const due = isDue(failure.class, earlier, context.patience);
      const number = await raise({ failure, report, earlier }, open, due, context);
      if (number !== undefined) numbers.push(number);
      else
        context.log.info(
          `${failure.class}: no issue before ${counted(context.patience, 'run')} in a row failed`,
        );
    } catch (error) {
      untold(failure, error);
    }
  }
  for (const well of recovered) {
    try {
      await resolve(well, open, { ...context, undecided: report?.undecided ?? [] });
    } catch (error) {
      warnings.push(notClosed([well], error));
    }
  }
  return { issue: numbers[0], warnings };
}

/** Earlier runs, or `undefined` without GitHub's record: then no failure waits for a second run. */
async function remembered({ github, run, log }: IssueContext): Promise<EarlierRuns | undefined> {
  try {
    return await earlierRuns(github, run);
  } catch (error) {
    log.warn(`the earlier runs are not known (the job needs actions: read): ${oneLine(explain(error))}`);
    return undefined;
  }
}

function notClosed(classes: readonly FailureClass[], error: unknown): string {
  return `The issues of what is well again (${classes.join(', ')}) could not be closed: ${explainGitHub(error)}`;
}
