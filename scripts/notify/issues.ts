import type { Log } from '../base/log.ts';
import { TEXTS } from './advice.ts';
import type { GitHub } from './github.ts';
import { issueBody, recoveryComment, reopenComment, repeatComment, type Tale } from './issue-body.ts';
import { firstState, type IssueState, nextState } from './issue-state.ts';
import { LABEL, labelsOf, type OurIssue, ourIssues } from './our-issues.ts';
import type { FailureClass } from './run-report.ts';
import type { RunInfo } from './settings.ts';

/** What keeping issues takes. */
export interface Keeper {
  readonly github: GitHub;
  readonly run: RunInfo;
  /** The mirror that the run is about: issues of others are left alone. */
  readonly mirror: string;
  readonly now: () => Date;
  readonly log: Log;
}

/** What there is to tell of a failure; what the issue remembers comes from the issue. */
export type News = Omit<Tale, 'state' | 'run'>;

const HOUR = 3_600_000;
/** At most one comment in this time; a little less than a day, as a daily run is not on the minute. */
const BETWEEN_COMMENTS = 23.5 * HOUR;
const REOPEN_WITHIN = 240 * HOUR;

/**
 * Tells of a failure in the one open issue of its class, `open` being all of this mirror that are. Without one it
 * reopens one that was closed a short while ago, or opens one, if it `isDue`. Returns the issue's number, if there is one.
 */
export async function raise(
  news: News,
  open: readonly OurIssue[],
  isDue: boolean,
  keeper: Keeper,
): Promise<number | undefined> {
  const [kept, ...others] = open.filter(({ state }) => state.class === news.failure.class);
  if (kept !== undefined) {
    await repeat(kept, news, keeper);
    for (const other of others) await closeAsDuplicate(other, kept, keeper);
    return kept.number;
  }
  if (!isDue) return undefined;
  const closed = await lastClosed(news.failure.class, keeper);
  return closed === undefined ? create(news, keeper) : reopen(closed, news, keeper);
}

/** Closes the issues of a class that is well. */
export async function resolve(
  recovered: FailureClass,
  open: readonly OurIssue[],
  keeper: Keeper,
): Promise<void> {
  const [kept, ...others] = open.filter(({ state }) => state.class === recovered);
  if (kept === undefined) return;
  for (const other of others) await closeAsDuplicate(other, kept, keeper);
  await update(kept, { state: 'closed', state_reason: 'completed' }, keeper);
  if (!kept.quiet) await comment(kept, recoveryComment(kept.state, keeper.run, keeper.now()), keeper);
  keeper.log.info(`closed issue ${kept.number}: ${recovered} is well again`);
}

async function repeat(issue: OurIssue, news: News, keeper: Keeper): Promise<void> {
  const counted = {
    ...nextState(issue.state, keeper.run, keeper.now()),
    mirror: keeper.mirror,
    ...aboutOf(news, issue.state),
  };
  const { state, speak } = speaking(issue, counted);
  const tale = { ...news, state, run: keeper.run };
  await update(issue, { ...adopted(issue, news, keeper), body: issueBody(tale) }, keeper);
  if (speak) await comment(issue, repeatComment(tale), keeper);
}

async function reopen(issue: OurIssue, news: News, keeper: Keeper): Promise<number> {
  const { commented } = issue.state;
  const begun = firstState(news.failure.class, keeper.mirror, keeper.run, keeper.now());
  const anew = { ...begun, commented, ...aboutOf(news, issue.state) };
  const { state, speak } = speaking(issue, anew);
  const tale = { ...news, state, run: keeper.run };
  await update(issue, { ...adopted(issue, news, keeper), state: 'open', body: issueBody(tale) }, keeper);
  if (speak) await comment(issue, reopenComment(tale), keeper);
  keeper.log.info(`reopened issue ${issue.number}: ${news.failure.class}`);
  return issue.number;
}

/** A title changes with what it is about; one that did not say whose the issue is gets to say it. */
function adopted({ state }: OurIssue, news: News, keeper: Keeper): Pick<Change, 'title'> {
  const { about } = news.failure;
  const isSame = state.mirror !== undefined && (about === undefined || about === state.about);
  return isSame ? {} : { title: titleOf(news, keeper) };
}

/** What failed, of which databases and versions, and of which mirror: by its public host, if it has one. */
function titleOf({ failure, report }: News, { mirror }: Keeper): string {
  const about = failure.about === undefined ? '' : `: ${failure.about}`;
  const host = URL.parse(report?.serving?.url ?? '')?.host ?? '';
  const whose = /^[a-z0-9.:-]{1,80}$/.test(host) ? `${host}, ${mirror}` : mirror;
  return `${TEXTS[failure.class].title}${about} (mirror ${whose})`;
}

function aboutOf({ failure }: News, state?: IssueState): Pick<IssueState, 'about'> {
  const about = failure.about ?? state?.about;
  return about === undefined ? {} : { about };
}

/** Whether to comment now; if so, the state already says that we did: rather one comment too few than one each run. */
function speaking(issue: OurIssue, state: IssueState): { state: IssueState; speak: boolean } {
  const speak = !issue.quiet && Date.parse(state.last) - Date.parse(state.commented) >= BETWEEN_COMMENTS;
  return { state: speak ? { ...state, commented: state.last } : state, speak };
}

/**
 * Two runs may come here at once, and a request that was tried again may have worked the first time: so look once
 * more, and let the lowest number be the one.
 */
async function create(news: News, keeper: Keeper): Promise<number> {
  const { github, run, mirror, now, log } = keeper;
  const failed = news.failure.class;
  const state = { ...firstState(failed, mirror, run, now()), ...aboutOf(news) };
  const labels = [LABEL, `${LABEL}: ${failed}`];
  const { data } = await github.rest.issues.create({
    ...github.repository,
    title: titleOf(news, keeper),
    body: issueBody({ ...news, state, run }),
    labels,
  });
  const dropped = labels.filter((label) => !labelsOf(data).includes(label));
  if (dropped.length > 0)
    log.warn(`GitHub dropped the labels of issue ${data.number}: the token may not set any`);
  const author = data.user?.login ?? (await github.login());
  if (author !== (await github.login())) {
    log.warn(`our issues are by ${author}: set CLAMAV_MIRROR_GITHUB_LOGIN to that, to find them at once`);
  }
  const same = (await ourIssues(github, mirror, { state: 'open' }, author)).filter(
    (one) => one.state.class === failed,
  );
  const kept = same.find(({ number }) => number < data.number);
  if (kept === undefined) {
    log.info(`opened issue ${data.number}: ${failed}`);
    return data.number;
  }
  await closeAsDuplicate(data, kept, keeper);
  await repeat(kept, news, keeper);
  return kept.number;
}

async function lastClosed(failed: FailureClass, keeper: Keeper): Promise<OurIssue | undefined> {
  const since = new Date(keeper.now().getTime() - REOPEN_WITHIN).toISOString();
  const closed = await ourIssues(keeper.github, keeper.mirror, { state: 'closed', since });
  return closed
    .filter((issue) => issue.state.class === failed && !issue.duplicate)
    .filter((issue) => Date.parse(issue.closed ?? '') > Date.parse(since))
    .sort((one, other) => Date.parse(other.closed ?? '') - Date.parse(one.closed ?? ''))[0];
}

async function closeAsDuplicate(
  { number }: Pick<OurIssue, 'number'>,
  kept: OurIssue,
  keeper: Keeper,
): Promise<void> {
  const reason = { state_reason: 'duplicate', duplicate_issue_id: kept.id } as const;
  await update({ number }, { state: 'closed', ...reason }, keeper);
  await comment({ number }, `Duplicate of #${kept.number}`, keeper);
}

interface Change {
  readonly title?: string;
  readonly body?: string;
  readonly state?: 'open' | 'closed';
  readonly state_reason?: 'completed' | 'duplicate';
  readonly duplicate_issue_id?: number;
}

async function update(
  { number }: Pick<OurIssue, 'number'>,
  change: Change,
  { github }: Keeper,
): Promise<void> {
  await github.rest.issues.update({ ...github.repository, issue_number: number, ...change });
}

async function comment(
  { number }: Pick<OurIssue, 'number'>,
  body: string,
  { github }: Keeper,
): Promise<void> {
  await github.rest.issues.createComment({ ...github.repository, issue_number: number, body });
}
