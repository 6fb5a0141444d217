import * as v from 'valibot';
import type { Log } from '../../base/log.ts';
import { textsFor } from '../advice.ts';
import { isReminderDue } from '../lasting.ts';
import type { FailureClass } from '../run-report.ts';
import type { RunInfo } from '../settings.ts';
import { titleOf } from '../title.ts';
import type { GitHub } from './github.ts';
import { type IssueContent, issueBody, recoveryComment, reopenComment, repeatComment } from './issue-body.ts';
import { firstState, IssueCode, type IssueState, nextState } from './issue-state.ts';
import { LABEL, labelsOf, type OurIssue, ourIssues } from './our-issues.ts';

/** Everything that issues are kept with. */
export interface IssueContext {
  readonly github: GitHub;
  readonly run: RunInfo;
  /** Id of our mirror: issues of other mirrors are not touched. */
  readonly mirror: string;
  readonly now: () => Date;
  readonly log: Log;
}

/** One failure of this run. The rest of an issue's content comes from the issue itself and from the run. */
export type Incident = Omit<IssueContent, 'state' | 'run'>;

const HOUR_MS = 3_600_000;
const REOPEN_WITHIN_MS = 240 * HOUR_MS;

/**
 * Updates the open issue of a failure's class; `open` has all open issues of this mirror. If there is none and the failure
 * `isDue`, reopens one that was closed lately, else opens a new one. Returns the issue's number, if there is one.
 */
export async function raise(
  incident: Incident,
  open: readonly OurIssue[],
  isDue: boolean,
  context: IssueContext,
): Promise<number | undefined> {
  const [kept, ...others] = open.filter(({ state }) => state.class === incident.failure.class);
  if (kept !== undefined) {
    await repeat(kept, incident, context);
    for (const other of others) await closeAsDuplicate(other, kept, context);
    return kept.number;
  }
  if (!isDue) return undefined;
  const closed = await lastClosed(incident.failure.class, context);
  return closed === undefined ? create(incident, context) : reopen(closed, incident, context);
}

/** Closes the issues of a class that is well again, unless they are about a code that nobody could decide on. */
export async function resolve(
  recovered: FailureClass,
  open: readonly OurIssue[],
  context: IssueContext & { readonly undecided: readonly string[] },
): Promise<void> {
  const [kept, ...others] = open.filter(({ state }) => state.class === recovered);
  if (kept === undefined || context.undecided.includes(kept.state.code ?? '')) return;
  for (const other of others) await closeAsDuplicate(other, kept, context);
  await update(kept, { state: 'closed', state_reason: 'completed' }, context);
  if (!kept.quiet) await comment(kept, recoveryComment(kept.state, context.run, context.now()), context);
  context.log.info(`closed issue ${kept.number}: ${recovered} is well again`);
}

async function repeat(issue: OurIssue, incident: Incident, context: IssueContext): Promise<void> {
  const counted = {
    ...nextState(issue.state, context.run, context.now()),
    mirror: context.mirror,
    ...aboutOf(incident, issue.state),
  };
  const { state, speak } = speaking(issue, counted);
  const content = { ...incident, state, run: context.run };
  await update(issue, { ...adopted(issue, incident, context), body: issueBody(content) }, context);
  if (speak) await comment(issue, repeatComment(content), context);
}

async function reopen(issue: OurIssue, incident: Incident, context: IssueContext): Promise<number> {
  const { commented } = issue.state;
  const begun = firstState(incident.failure.class, context.mirror, context.run, context.now());
  const anew = { ...begun, commented, ...aboutOf(incident, issue.state) };
  const { state, speak } = speaking(issue, anew);
  const content = { ...incident, state, run: context.run };
  await update(
    issue,
    { ...adopted(issue, incident, context), state: 'open', body: issueBody(content) },
    context,
  );
  if (speak) await comment(issue, reopenComment(content), context);
  context.log.info(`reopened issue ${issue.number}: ${incident.failure.class}`);
  return issue.number;
}

/** A new title if the failure is about other versions, or if the title does not name the mirror yet. */
function adopted({ state }: OurIssue, incident: Incident, context: IssueContext): Pick<Change, 'title'> {
  const { about } = incident.failure;
  const isSame =
    state.mirror !== undefined && (about === undefined || about === state.about) && isTitled(incident, state);
  return isSame
    ? {}
    : { title: titleOf(incident.failure, { mirror: context.mirror, url: incident.report?.serving?.url }) };
}

/** True if an issue has the words of this failure in its title already. */
function isTitled({ failure }: Pick<Incident, 'failure'>, { code = '' }: IssueState): boolean {
  return textsFor(failure).title === textsFor({ ...failure, code }).title;
}

/** The part of an issue's state that says which failure of its class it is about. */
function aboutOf(
  { failure }: Pick<Incident, 'failure'>,
  state?: IssueState,
): Pick<IssueState, 'about' | 'code'> {
  const about = failure.about ?? (state && isTitled({ failure }, state) ? state.about : undefined);
  const code = v.is(IssueCode, failure.code) ? failure.code : undefined;
  return { about, code };
}

/** Decides whether to comment now. If so, the state already counts it: one comment too few is better than one each run. */
function speaking(issue: OurIssue, state: IssueState): { state: IssueState; speak: boolean } {
  const speak = !issue.quiet && isReminderDue(state);
  return { state: speak ? { ...state, commented: state.last } : state, speak };
}

/**
 * Opens an issue, then lists them again and keeps the lowest number: two runs may open one at once, and a request that was
 * tried again may have worked the first time.
 */
async function create(incident: Incident, context: IssueContext): Promise<number> {
  const { github, run, mirror, now, log } = context;
  const failed = incident.failure.class;
  const state = { ...firstState(failed, mirror, run, now()), ...aboutOf(incident) };
  const labels = [LABEL, `${LABEL}: ${failed}`];
  const { data } = await github.rest.issues.create({
    ...github.repository,
    title: titleOf(incident.failure, { mirror: context.mirror, url: incident.report?.serving?.url }),
    body: issueBody({ ...incident, state, run }),
    labels,
  });
  const dropped = labels.filter((label) => !labelsOf(data).includes(label));
  if (dropped.length > 0)
    log.warn(`GitHub dropped the labels of issue ${data.number}: the token is not allowed to set any`);
  const author = data.user?.login ?? (await github.login());
  if (author !== (await github.login())) {
    log.warn(`our issues are by ${author}: set CLAMAV_MIRROR_GITHUB_LOGIN to that name to find them at once`);
  }
  const same = (await ourIssues(github, mirror, { state: 'open' }, author)).filter(
    (one) => one.state.class === failed,
  );
  const kept = same.find(({ number }) => number < data.number);
  if (kept === undefined) {
    log.info(`opened issue ${data.number}: ${failed}`);
    return data.number;
  }
  await closeAsDuplicate(data, kept, context);
  await repeat(kept, incident, context);
  return kept.number;
}

async function lastClosed(failed: FailureClass, context: IssueContext): Promise<OurIssue | undefined> {
  const since = new Date(context.now().getTime() - REOPEN_WITHIN_MS).toISOString();
  const closed = await ourIssues(context.github, context.mirror, { state: 'closed', since });
  return closed
    .filter((issue) => issue.state.class === failed && !issue.duplicate)
    .filter((issue) => Date.parse(issue.closed ?? '') > Date.parse(since))
    .sort((one, other) => Date.parse(other.closed ?? '') - Date.parse(one.closed ?? ''))[0];
}

async function closeAsDuplicate(
  { number }: Pick<OurIssue, 'number'>,
  kept: OurIssue,
  context: IssueContext,
): Promise<void> {
  const reason = { state_reason: 'duplicate', duplicate_issue_id: kept.id } as const;
  await update({ number }, { state: 'closed', ...reason }, context);
  await comment({ number }, `Duplicate of #${kept.number}`, context);
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
  { github }: IssueContext,
): Promise<void> {
  await github.rest.issues.update({ ...github.repository, issue_number: number, ...change });
}

async function comment(
  { number }: Pick<OurIssue, 'number'>,
  body: string,
  { github }: IssueContext,
): Promise<void> {
  await github.rest.issues.createComment({ ...github.repository, issue_number: number, body });
}
