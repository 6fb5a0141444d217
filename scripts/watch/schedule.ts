import { lasting } from '../base/words.ts';
import { WHY_OFF, type Workflows } from '../notify/github/github.ts';
import { type Finding, Findings } from '../probe/finding.ts';
import { judgeAge, type Limits } from './behind.ts';

/** Checks that the workflow that syncs is still on, and when it last succeeded. No answer from GitHub is a warning. */
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
      `GitHub gives no state of ${file}${typeof status === 'number' ? `: it answers ${status}` : ''}`,
      status === 404
        ? 'Check the name of the workflow file (--workflow), and that the job has actions: read'
        : 'The next run asks again. The job needs actions: read',
    );
  }
  return [...schedule.list, ...cycle.list];
}
