import { openGitHub, WHY_OFF, workflowsOf } from '../../notify/github/github.ts';
import { explainGitHub, rateLimitWait, statusOf } from '../../notify/github/github-errors.ts';
import { bad, good, type Seen, skipped } from '../finding.ts';
import type { DoctorGitHub } from '../settings.ts';

/** Three attempts within the time of a check. Milliseconds. */
const PACE = { timeout: 3000, pause: 100, longestWait: 1000 };

/** The token is good for this repository. */
export async function checkToken({ settings }: DoctorGitHub): Promise<Seen> {
  const { rest, repository } = openGitHub(settings, PACE);
  try {
    await rest.repos.get(repository);
    return good(`the token is good for ${nameOf(settings)}`);
  } catch (error) {
    return bad(
      explainGitHub(error),
      statusOf(error) === 401
        ? 'Hand on a token that is valid, by github-token; without that it is the one of the workflow'
        : `Look at it: gh api repos/${nameOf(settings)} --jq .full_name`,
    );
  }
}

/**
 * Issues are on, and, where this job is to write some, it may: GitHub answers 422 to one without a title if so, and makes
 * none.
 */
export async function checkIssues({ settings, writesIssues }: DoctorGitHub): Promise<Seen> {
  const { rest, repository } = openGitHub(settings, PACE);
  try {
    const { data } = await rest.repos.get(repository);
    if (!data.has_issues) return issuesOff(nameOf(settings));
    if (!writesIssues) return good('they are on; this job is to write none');
    await rest.issues.create({ ...repository, title: '' });
    return good('they are on, and this job may write them');
  } catch (error) {
    const status = rateLimitWait(error) === undefined ? statusOf(error) : undefined;
    if (status === 422) return good('they are on, and this job may write them');
    if (status === 410) return issuesOff(nameOf(settings));
    if (status === 403 || status === 404)
      return bad('this job may not write issues', 'Give it `permissions: { issues: write, actions: read }`');
    return bad(explainGitHub(error), 'Run this again; the line of the token may say more');
  }
}

function issuesOff(name: string): Seen {
  return bad(`issues are off in ${name}`, `gh repo edit ${name} --enable-issues`);
}

/** The workflow that syncs is on. */
export async function checkSchedule({ settings, workflow }: DoctorGitHub): Promise<Seen> {
  const { rest, repository } = openGitHub(settings, PACE);
  try {
    const state = await workflowsOf({ rest }, repository).state(workflow);
    if (state === 'active') return good(`${workflow} is on`);
    const on = `gh workflow enable ${workflow} --repo ${nameOf(settings)}`;
    return bad(`${workflow} is off: ${WHY_OFF[state] ?? state}`, on);
  } catch (error) {
    const status = rateLimitWait(error) === undefined ? statusOf(error) : undefined;
    if (status === 404) return skipped(`${nameOf(settings)} has no workflow ${workflow}`);
    if (status === 403)
      return bad('this job may not see workflows', 'Give it `permissions: { actions: read }`');
    return bad(explainGitHub(error), 'Run this again; the line of the token may say more');
  }
}

function nameOf({ owner, repo }: DoctorGitHub['settings']): string {
  return `${owner}/${repo}`;
}
