import { DatabaseName, Reason, wholeNumber } from '../fields.ts';
import type { Option, Values } from '../option.ts';
import { type Given, validated } from '../read.ts';

export const ROLLBACK_OPTIONS = [
  {
    name: 'database',
    value: '<name>',
    help: 'database to roll back',
    isNeeded: true,
    schema: DatabaseName,
  },
  {
    name: 'to',
    value: '<version>',
    help: 'version to publish again; "status" shows which versions are kept',
    isNeeded: true,
    schema: wholeNumber(1, 999_999_999),
  },
  {
    name: 'reason',
    value: '<text>',
    help: 'reason to record in the manifest',
    fallback: 'rolled back',
    schema: Reason,
  },
] as const satisfies readonly Option[];

const [DATABASE] = ROLLBACK_OPTIONS;
export const RELEASE_OPTIONS = [{ ...DATABASE, help: 'database to release' }] as const;

/** Throws `setting/invalid`. */
export function rollbackSettings(from: Given): Values<typeof ROLLBACK_OPTIONS> {
  return validated(ROLLBACK_OPTIONS, from);
}

/** Throws `setting/invalid`. */
export function releaseSettings(from: Given): Values<typeof RELEASE_OPTIONS> {
  return validated(RELEASE_OPTIONS, from);
}
