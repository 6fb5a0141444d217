import * as v from 'valibot';
import { again, begun } from '../lasting.ts';
import { About, FAILURE_CLASSES } from '../run-report.ts';
import type { RunInfo } from '../settings.ts';

const Time = v.pipe(v.string(), v.isoTimestamp());

/** Code of an error in the first line of a body. */
export const IssueCode = v.pipe(v.string(), v.regex(/^[a-z0-9]+(?:[/-][a-z0-9]+)*$/), v.maxLength(60));

const StateSchema = v.object({
  class: v.picklist(FAILURE_CLASSES),
  /** Id of the mirror; issues of the version before lack it. */
  mirror: v.optional(v.pipe(v.string(), v.regex(/^[0-9a-f]{8}$/))),
  /** Databases and versions in the title; issues of the version before lack them. */
  about: v.optional(About),
  /** Code of the failure; issues of versions before lack it. */
  code: v.optional(v.fallback(v.optional(IssueCode), undefined)),
  /** Time of the first failing run. */
  first: Time,
  /** Time of the last failing run. */
  last: Time,
  /** Number of failing runs. */
  count: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** Time of our last comment. */
  commented: Time,
  /** The run that was counted last, with its attempt. */
  run: v.pipe(v.string(), v.regex(/^\d{1,15}\.\d{1,15}$/)),
});

/** State that an issue of ours keeps in its body, where people do not see it. */
export type IssueState = v.InferOutput<typeof StateSchema>;

const MARKER = /^<!-- clamav-mirror (\{[^\r\n]*\}) -->/;

/** First line of a body. All of it is ours: nothing from outside, and nothing that could end the HTML comment. */
export function marker(state: IssueState): string {
  return `<!-- clamav-mirror ${JSON.stringify(state)} -->`;
}

/** Reads the state from the first line of a body: words of others come below it. Does not say who wrote it. */
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

/** State of a failure that begins now. */
export function firstState(failed: IssueState['class'], mirror: string, run: RunInfo, now: Date): IssueState {
  return { class: failed, mirror, ...begun(nameOf(run), now) };
}

/** State after one more failing run. A run that reports twice counts once. */
export function nextState(state: IssueState, run: RunInfo, now: Date): IssueState {
  return again(state, nameOf(run), now);
}

/** Name of a run and its attempt. */
export function nameOf(run: Pick<RunInfo, 'id' | 'attempt'>): string {
  return `${run.id}.${run.attempt}`;
}
