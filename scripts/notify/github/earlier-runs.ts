import type { EarlierRuns } from '../patience.ts';
import type { RunInfo } from '../settings.ts';
import type { GitHub } from './github.ts';

/** Conclusions that count as failed; a job that runs out of time ends as `cancelled`. Others say nothing. */
const FAILED: ReadonlySet<string> = new Set(['failure', 'cancelled', 'timed_out', 'startup_failure']);

/**
 * Reads the earlier runs from GitHub's own record, a state that we cannot lose. Throws if GitHub does not say: the job
 * needs `actions: read`.
 */
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
