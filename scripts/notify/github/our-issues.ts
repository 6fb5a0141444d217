import type { RestEndpointMethodTypes } from '@octokit/rest';
import { ISSUE_PAGES } from '../../base/limits/github.ts';
import type { GitHub } from './github.ts';
import { statusOf } from './github-errors.ts';
import { type IssueState, parseMarker } from './issue-state.ts';

/** An issue that we opened for this mirror. */
export interface OurIssue {
  readonly number: number;
  readonly id: number;
  readonly state: IssueState;
  /** True if somebody set the label `quiet`: no comments. */
  readonly quiet: boolean;
  /** Time of closing; `null` while it is open. */
  readonly closed: string | null;
  readonly duplicate: boolean;
}

type Listed = RestEndpointMethodTypes['issues']['listForRepo']['response']['data'][number];
type Filter = { readonly state: 'open' } | { readonly state: 'closed'; readonly since: string };

export const LABEL = 'clamav-mirror';
const QUIET = 'quiet';
const PER_PAGE = 100;

/**
 * Finds the issues of a mirror, lowest number first. An issue of the version before names no mirror: it counts as long as
 * no other mirror's issue is found. Anybody may open an issue that looks like ours, so only issues by our own login count.
 * They are listed by label, and by login for those whose labels were dropped. Search is not used: it lags, which would
 * make duplicates.
 */
export async function ourIssues(
  github: GitHub,
  mirror: string,
  filter: Filter,
  login?: string,
): Promise<OurIssue[]> {
  const author = login ?? (await github.login());
  const found = new Map<number, OurIssue>();
  for (const by of [{ labels: LABEL }, { creator: author }]) {
    for (const issue of await list(github, { ...filter, ...by })) {
      const ours = recognise(issue, author);
      if (ours !== undefined) found.set(ours.number, ours);
    }
  }
  const all = [...found.values()];
  const isAlone = all.every(({ state }) => (state.mirror ?? mirror) === mirror);
  return all
    .filter(({ state }) => state.mirror === mirror || (state.mirror === undefined && isAlone))
    .sort((one, other) => one.number - other.number);
}

async function list(github: GitHub, query: object): Promise<Listed[]> {
  const issues: Listed[] = [];
  const parameters = { ...github.repository, ...query, per_page: PER_PAGE };
  let pages = 0;
  try {
    for await (const { data } of github.paginate.iterator(github.rest.issues.listForRepo, parameters)) {
      issues.push(...data);
      if (++pages >= ISSUE_PAGES) break;
    }
  } catch (error) {
    // a creator that GitHub does not know has opened no issue
    if (statusOf(error) !== 422 || !('creator' in query)) throw error;
  }
  return issues;
}

function recognise(issue: Listed, author: string): OurIssue | undefined {
  if (issue.pull_request !== undefined) return undefined;
  if (issue.user?.login.toLowerCase() !== author.toLowerCase()) return undefined;
  const state = parseMarker(issue.body ?? '');
  if (state === undefined) return undefined;
  return {
    number: issue.number,
    id: issue.id,
    state,
    quiet: labelsOf(issue).some((name) => name.toLowerCase() === QUIET),
    closed: issue.closed_at,
    duplicate: issue.state_reason === 'duplicate',
  };
}

export function labelsOf(issue: Pick<Listed, 'labels'>): string[] {
  return issue.labels.map((label) => (typeof label === 'string' ? label : (label.name ?? '')));
}
