import type { RestEndpointMethodTypes } from '@octokit/rest';
import { ISSUE_PAGES } from '../base/limits/github.ts';
import type { GitHub } from './github.ts';
import { statusOf } from './github-errors.ts';
import { type IssueState, parseMarker } from './issue-state.ts';

/** An issue that we opened, and recognise as one of this mirror. */
export interface OurIssue {
  readonly number: number;
  readonly id: number;
  readonly state: IssueState;
  /** A person wants no comments here. */
  readonly quiet: boolean;
  /** `null` while it is open. */
  readonly closed: string | null;
  readonly duplicate: boolean;
}

type Listed = RestEndpointMethodTypes['issues']['listForRepo']['response']['data'][number];
type Filter = { readonly state: 'open' } | { readonly state: 'closed'; readonly since: string };

export const LABEL = 'clamav-mirror';
const QUIET = 'quiet';
const PER_PAGE = 100;

/**
 * The issues of a mirror, lowest number first. One that does not say whose it is comes from the version before: it counts
 * as long as none of those that were found is another mirror's. Anybody may open an issue that looks like ours, so the marker counts only in what
 * our own login wrote. The label finds them quickly; by our login we find those whose labels GitHub dropped or a
 * person took off. Search is not used: it lags, and so makes duplicates.
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
    // A creator that GitHub does not know has made nothing.
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
