import * as v from 'valibot';
import type { Option } from './option.ts';
import { type Given, validated } from './read.ts';

export const NOTIFY_OPTIONS: readonly Option[] = [
  {
    name: 'github-token',
    value: '<token>',
    help: 'what may write issues: by default, the token of the workflow',
  },
  {
    name: 'issue-after',
    value: '<count>',
    help: 'how many runs in a row must fail before an issue tells of a trouble that may pass by itself',
    fallback: '3',
  },
  {
    name: 'needs',
    value: '<json>',
    help: 'for the command notify: how the jobs before it ended and what they reported, as `toJSON(needs)`',
  },
];

/** How each job that we need ended, and what the one said that had something to say. */
export interface Needs {
  readonly results: Readonly<Record<string, 'success' | 'failure' | 'cancelled' | 'skipped'>>;
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

/** Throws `setting/invalid`. */
export function needsSettings(from: Given): Needs {
  const { needs } = validated(v.object({ needs: NeedsSchema }), NOTIFY_OPTIONS, from);
  const jobs = Object.entries(needs);
  return {
    results: Object.fromEntries(jobs.map(([name, { result }]) => [name, result])),
    report: jobs.map(([, { outputs }]) => outputs.report).find((text) => text !== undefined && text !== ''),
  };
}

/** True if the input says that issues are wanted, even where other inputs make no sense. */
export function wantsIssues({ environment }: Given): boolean {
  return environment.CLAMAV_MIRROR_ISSUES === 'true';
}
