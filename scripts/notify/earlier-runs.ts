import type { GitHub } from './github.ts';
import type { FailureClass } from './run-report.ts';
import type { RunInfo } from './settings.ts';

/** Earlier runs of the workflow, from GitHub's own record: a state that we cannot lose. */
export interface EarlierRuns {
  /** Runs that failed in a row just before this one. */
  readonly failed: number;
  readonly lastGood: { readonly at: string; readonly url: string } | undefined;
}

/** Failures that mostly pass by themselves. */
const PASSING: ReadonlySet<FailureClass> = new Set(['upstream', 'publication', 'host']);
/** Conclusions that count as failed; a job that runs out of time ends as `cancelled`. Others say nothing. */
const FAILED: ReadonlySet<string> = new Set(['failure', 'cancelled', 'timed_out', 'startup_failure']);

/** True if a failure deserves an issue now. One that may pass must first fail `patience` runs in a row. */
export function isDue(failed: FailureClass, earlier: EarlierRuns | undefined, patience: number): boolean {
  return !PASSING.has(failed) || earlier === undefined || earlier.failed + 1 >= patience;
}

/** Reads the earlier runs from GitHub. Throws if GitHub does not say: the job needs `actions: read`. */
export async function earlierRuns(github: GitHub, run: RunInfo): Promise<EarlierRuns> {
  if (run.workflow === undefined) throw new Error('the workflow belongs to another repository');
  const { data } = await github.rest.actions.listWorkflowRuns({
    ...github.repository,
    workflow_id: run.workflow,
    status: 'completed',
    per_page: 100,
  });
  const earlier = data.workflow_runs
    .filter(({ id, status }) => id < run.id && status === 'completed')
    .sort((one, other) => other.id - one.id);
  const good = earlier.findIndex(({ conclusion }) => conclusion === 'success');
  const since = good === -1 ? earlier : earlier.slice(0, good);
  const last = earlier[good];
  return {
    failed: since.filter(({ conclusion }) => FAILED.has(conclusion ?? '')).length,
    lastGood: last && { at: last.updated_at, url: last.html_url },
  };
}
