import { Reason } from '../fields.ts';
import type { Option } from '../option.ts';
import { type Given, SettingError, validated } from '../read.ts';
import { UntilOrDays, What } from './entries.ts';

const WHAT = {
  name: 'what',
  value: '<name|sha256>',
  help: 'a signature by its name, or a file by its SHA-256',
  isArgument: true,
  schema: What,
} as const satisfies Option;

export const ALLOW_OPTIONS = [
  {
    name: 'reason',
    value: '<text>',
    help: 'why it is a false alarm, for whoever reads the list later',
    isNeeded: true,
    schema: Reason,
  },
  {
    name: 'until',
    value: '<day>',
    help: 'last day on which it holds, such as 2026-12-31, or a number of days such as 30d',
    usually: 'until "disallow"',
    example: '30d',
    schema: UntilOrDays,
  },
] as const satisfies readonly Option[];

const DAY_MS = 24 * 60 * 60_000;

/** An entry for the allow list. Throws `setting/invalid`. */
export function allowSettings(what: string, from: Given, now: Date) {
  const given = validated([WHAT, ...ALLOW_OPTIONS], withWhat(what, from));
  const { until } = given;
  const end = typeof until === 'number' ? new Date(now.getTime() + until * DAY_MS).toISOString() : until;
  if (end !== undefined && Date.parse(end) <= now.getTime()) {
    throw new SettingError('setting/invalid', `--until ${end} is over`, {
      advice: 'Name a day to come, or a number of days such as 30d',
    });
  }
  return { what: given.what, reason: given.reason, ...(end !== undefined && { until: end }) };
}

/** What is to be taken from the allow list. Throws `setting/invalid`. */
export function disallowSettings(what: string, from: Given): string {
  return validated([WHAT], withWhat(what, from)).what;
}

function withWhat(what: string, from: Given): Given {
  return { ...from, flags: { ...from.flags, what } };
}
