import * as v from 'valibot';
import { wholeNumber } from './fields.ts';
import type { Option } from './option.ts';
import { type Given, validated } from './read.ts';

/** A job before this one: its result, and its report if it has one. */
export interface NeededJob {
  readonly name: string;
  readonly result: 'success' | 'failure' | 'cancelled' | 'skipped';
  readonly report: string | undefined;
}

const NO_NEEDS = 'is not what toJSON(needs) gives';
const NeedsSchema = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      return JSON.parse(dataset.value) as unknown;
    } catch {
      addIssue({ message: 'is not JSON' });
      return NEVER;
    }
  }),
  v.record(
    v.string(),
    v.object(
      {
        result: v.picklist(['success', 'failure', 'cancelled', 'skipped'], NO_NEEDS),
        outputs: v.optional(v.record(v.string(), v.string(NO_NEEDS), NO_NEEDS), {}),
      },
      NO_NEEDS,
    ),
    NO_NEEDS,
  ),
  v.check((needs) => Object.keys(needs).length > 0, 'names no job'),
);

export const GITHUB_TOKEN = {
  name: 'github-token',
  value: '<token>',
  help: 'token that may write issues',
  usually: 'the token of the workflow',
  secret: true,
  schema: v.pipe(v.string('is needed'), v.regex(/^[\x21-\x7e]+$/, 'takes a token in one line')),
} as const satisfies Option;

export const ISSUE_AFTER = {
  name: 'issue-after',
  value: '<count>',
  help: 'number of failed runs in a row before an issue or an alert reports an error that may pass by itself',
  fallback: '3',
  schema: wholeNumber(1, 50),
} as const satisfies Option;

const NEEDS = {
  name: 'needs',
  value: '<json>',
  help: 'for the command notify: the results and reports of the jobs before it, as `toJSON(needs)`',
  isNeeded: true,
  schema: NeedsSchema,
} as const satisfies Option;

export const NOTIFY_OPTIONS = [GITHUB_TOKEN, ISSUE_AFTER, NEEDS] as const;

/** Throws `setting/invalid`. */
export function needsSettings(from: Given): NeededJob[] {
  const { needs } = validated([NEEDS] as const, from);
  return Object.entries(needs).map(([name, { result, outputs }]) => ({
    name,
    result,
    report: outputs.report,
  }));
}

/** True if the input says that issues are wanted, even where other inputs make no sense. */
export function wantsIssues({ environment }: Given): boolean {
  return environment.CLAMAV_MIRROR_ISSUES === 'true';
}
