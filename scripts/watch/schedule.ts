import type { Octokit } from '@octokit/rest';
import { lasting } from '../base/words.ts';
import { type Finding, Findings } from '../probe/finding.ts';
import { judgeAge, type Limits } from './behind.ts';

/** What GitHub knows of a repository's workflows, by file name. */
export interface Workflows {
  /** `active`, `disabled_inactivity`, `disabled_manually` … */
  state(file: string): Promise<string>;
  /** When it last ended with success. */
  lastSuccess(file: string): Promise<Date | undefined>;
}

/** Needs `actions: read`. */
export function workflowsOf(
  octokit: Pick<Octokit, 'rest'>,
  repository: { readonly owner: string; readonly repo: string },
): Workflows {
  return {
    async state(file) {
      const { data } = await octokit.rest.actions.getWorkflow({ ...repository, workflow_id: file });
      return data.state;
    },
    async lastSuccess(file) {
      const { data } = await octokit.rest.actions.listWorkflowRuns({
        ...repository,
        workflow_id: file,
        status: 'success',
        per_page: 1,
      });
      const [last] = data.workflow_runs;
      return last === undefined ? undefined : new Date(last.updated_at);
    },
  };
}

/** Whether the workflow that syncs is still on, and when it last succeeded. What GitHub does not tell is a warning. */
export async function checkWorkflow(
  workflows: Workflows,
  file: string,
  { limits, now }: { readonly limits: Limits; readonly now: number },
): Promise<Finding[]> {
  const schedule = new Findings('mirror', 'schedule');
  const cycle = new Findings('mirror', 'last successful run');
  try {
    const state = await workflows.state(file);
    if (state === 'active') schedule.good(`${file} is on`);
    else
      schedule.fault(
        `${file} is off: ${WHY_OFF[state] ?? state}`,
        `Switch it on: gh workflow enable ${file}`,
      );
    const last = await workflows.lastSuccess(file);
    if (last === undefined) {
      cycle.warning(`${file} has never succeeded`, `Run it once: gh workflow run ${file}`);
    } else {
      const age = now - last.getTime();
      judgeAge(cycle, age, limits, `${file} last succeeded ${lasting(age)} ago`);
    }
  } catch (error) {
    const status = Object(error).status;
    schedule.warning(
      `GitHub does not tell about ${file}${typeof status === 'number' ? `: it answers ${status}` : ''}`,
      status === 404
        ? 'Check the name of the workflow file (--workflow), and that the job has actions: read'
        : 'It is asked again in the next run; the job needs actions: read',
    );
  }
  return [...schedule.list, ...cycle.list];
}

export const WHY_OFF: Readonly<Record<string, string>> = {
  disabled_inactivity: 'GitHub switches schedules off after 60 days without activity in the repository',
  disabled_manually: 'somebody has switched it off',
  disabled_fork: 'schedules are off in forks until somebody switches them on',
  deleted: 'it was deleted',
};
