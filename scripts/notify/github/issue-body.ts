import { ISSUE } from '../../base/limits/github.ts';
import { moment, span } from '../../base/words.ts';
import { adviceFor, textsFor } from '../advice.ts';
import { code, fenced, fencedLog, link } from '../escape.ts';
import { failingSince, stillFailing, wasFailing } from '../lasting.ts';
import type { EarlierRuns } from '../patience.ts';
import type { Failure, RunReport } from '../run-report.ts';
import type { RunInfo } from '../settings.ts';
import { type IssueState, marker } from './issue-state.ts';

/** Everything that an issue is written from. All limits together stay far below GitHub's 65,536 characters. */
export interface IssueContent {
  readonly failure: Failure;
  readonly state: IssueState;
  readonly run: RunInfo;
  /** Report of the same run; `undefined` if the run ended before it could report. */
  readonly report: RunReport | undefined;
  readonly earlier: EarlierRuns | undefined;
}

export function issueBody(content: IssueContent): string {
  const { failure, state } = content;
  return [
    marker(state),
    `**${textsFor(failure).meaning}**`,
    history(content),
    '### What is served now',
    ...served(content),
    '### What failed',
    `Class ${code(failure.class)}, code ${code(failure.code)}:`,
    fenced(failure.what, ISSUE.what),
    '### What to do',
    adviceFor(failure),
    ...(failure.advice ? [fenced(failure.advice, ISSUE.advice)] : []),
    ...(failure.log.length > 0
      ? ['### The last lines of the log', fencedLog(failure.log, ISSUE.logLines, ISSUE.log)]
      : []),
    '---',
    'Each failing run replaces this text, so write notes into comments. The issue closes by itself when a run shows ' +
      'that all is well. The label `quiet` stops the comments, not the counting.',
  ].join('\n\n');
}

export function repeatComment({ failure, state, run }: IssueContent): string {
  return `${stillFailing(state)} The last one is ${runLink(run)}, code ${code(failure.code)}.`;
}

export function reopenComment({ failure, run }: IssueContent): string {
  return `Failing again: ${runLink(run)}, code ${code(failure.code)}.`;
}

export function recoveryComment(state: IssueState, run: RunInfo, now: Date): string {
  return `Well again, as ${runLink(run)} shows. ${wasFailing(state, now)}`;
}

function runLink({ id, attempt, url }: RunInfo): string {
  return link(`run ${id}, attempt ${attempt}`, url);
}

function history({ state, run, earlier }: IssueContent): string {
  const lines = [
    `- ${failingSince(state)}`,
    `- The last failing run: ${runLink(run)}, ${moment(state.last)}`,
  ];
  const good = earlier?.lastGood;
  if (good !== undefined) {
    lines.push(
      `- The last good run: ${link(moment(good.at), good.url ?? '')}, ${span(good.at, state.last)} before`,
    );
  }
  return lines.join('\n');
}

function served({ report, state }: IssueContent): string[] {
  const serving = report?.serving ?? undefined;
  const upstream = report?.upstream ?? {};
  const when = (what: string, time: string) =>
    `- ${what} ${moment(time)}, ${span(time, state.last)} before this run's end`;
  const lines =
    serving === undefined
      ? ['Not known: this run could not find out.']
      : [
          [
            when('Published', serving.published),
            when('Last checked as good', serving.checked),
            ...(serving.url === undefined ? [] : [`- At ${code(serving.url)}`]),
          ].join('\n'),
        ];
  const names = [...new Set([...Object.keys(serving?.versions ?? {}), ...Object.keys(upstream)])].sort();
  if (names.length === 0) return lines;
  const version = (of: Readonly<Record<string, number>> | undefined, name: string) =>
    of !== undefined && Object.hasOwn(of, name) ? of[name] : 'unknown';
  const rows = names
    .slice(0, ISSUE.databases)
    .map(
      (name) =>
        `| ${code(name.slice(0, 64))} | ${version(serving?.versions, name)} | ${version(upstream, name)} |`,
    );
  return [...lines, ['| database | served | upstream offers |', '|---|---|---|', ...rows].join('\n')];
}
