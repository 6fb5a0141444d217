import type { GitHub } from './github.ts';
import type { FailureClass } from './run-report.ts';
import type { RunInfo } from './settings.ts';

/** What GitHub remembers of the workflow's earlier runs: a state that we cannot lose. */
export interface EarlierRuns {
  /** How many failed in a row, up to this run and without it. */
  readonly failed: number;
  readonly lastGood: { readonly at: string; readonly url: string } | undefined;
}

/** Troubles that mostly pass by themselves. */
const PASSING: ReadonlySet<FailureClass> = new Set(['upstream', 'publication', 'host']);
/** A job that runs out of time ends as `cancelled`. Whatever is neither here nor `success` says nothing. */
const FAILED: ReadonlySet<string> = new Set(['failure', 'cancelled', 'timed_out', 'startup_failure']);

/** Whether it is time to tell of a failure; of what may pass only after so many runs in a row. */
export function isDue(failed: FailureClass, earlier: EarlierRuns | undefined, patience: number): boolean {
  return !PASSING.has(failed) || earlier === undefined || earlier.failed + 1 >= patience;
}

/** Throws if GitHub does not tell: the job needs `actions: read`. */
export async function earlierRuns(github: GitHub, run: RunInfo): Promise<EarlierRuns> {
  if (run.workflow === undefined) throw new Error('the workflow is of another repository');
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
