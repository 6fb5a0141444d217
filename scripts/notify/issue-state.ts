import * as v from 'valibot';
import { About, FAILURE_CLASSES } from './run-report.ts';
import type { RunInfo } from './settings.ts';

const Time = v.pipe(v.string(), v.isoTimestamp());

const StateSchema = v.object({
  class: v.picklist(FAILURE_CLASSES),
  /** Of which mirror; issues of the version before do not say it. */
  mirror: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/))),
  /** Which databases and versions its title names; issues of the version before do not say it. */
  about: v.optional(About),
  /** When it began to fail. */
  first: Time,
  /** When a run failed last. */
  last: Time,
  /** How many runs failed. */
  count: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** When we last told of it by more than the counter. */
  commented: Time,
  /** The run that was counted last, with its attempt. */
  run: v.pipe(v.string(), v.regex(/^\d{1,15}\.\d{1,15}$/)),
});

/** What an issue of ours remembers: it is in its body, where people do not see it. */
export type IssueState = v.InferOutput<typeof StateSchema>;

const MARKER = /^<!-- clamav-mirror (\{[^\r\n]*\}) -->/;

/** The first line of a body. All that is in it is ours: no words of upstream, nothing that could end the comment. */
export function marker(state: IssueState): string {
  return `<!-- clamav-mirror ${JSON.stringify(state)} -->`;
}

/** Only at the very beginning: below it are words of others. Says nothing of who wrote it. */
export function parseMarker(body: string): IssueState | undefined {
  const json = MARKER.exec(body)?.[1];
  if (json === undefined) return undefined;
  try {
    const parsed = v.safeParse(StateSchema, JSON.parse(json));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/** The state of what begins to fail now. */
export function firstState(failed: IssueState['class'], mirror: string, run: RunInfo, now: Date): IssueState {
  const at = now.toISOString();
  return { class: failed, mirror, first: at, last: at, count: 1, commented: at, run: nameOf(run) };
}

/** One failed run more; the same run counts once, whoever tells of it twice. */
export function nextState(state: IssueState, run: RunInfo, now: Date): IssueState {
  const count = state.run === nameOf(run) ? state.count : state.count + 1;
  return { ...state, last: now.toISOString(), count, run: nameOf(run) };
}

function nameOf(run: RunInfo): string {
  return `${run.id}.${run.attempt}`;
}
