import * as v from 'valibot';
import { MANIFEST_NUMBER } from '../../base/limits/manifest.ts';
import type { Awaited } from '../../cycle/survey/wait-for.ts';
import { DatabaseName, minutes } from '../fields.ts';
import type { Option } from '../option.ts';
import { type Given, named, SettingError, validated } from '../read.ts';

export const WAIT_OPTIONS = [
  {
    name: 'wait-for',
    value: '<version>',
    help: 'wait until upstream has this version, such as daily:28101, or 28101 for daily',
    example: 'daily:28101',
    schema: v.pipe(
      v.string(),
      v.transform((text) => (text.includes(':') ? text : `daily:${text}`).split(':')),
      v.strictTuple(
        [DatabaseName, v.pipe(v.string(), v.regex(/^\d{1,10}$/), v.transform(Number))],
        'takes a version such as daily:28101 or 28101',
      ),
      v.check(([, version]) => version >= 1 && version <= MANIFEST_NUMBER, 'is no version'),
    ),
  },
  {
    name: 'wait-for-minutes',
    value: '<minutes>',
    help: 'time after which it is not waited for any more',
    fallback: '60',
    schema: minutes(1, 1440),
  },
] as const satisfies readonly Option[];

/** The version that a sync waits for, if any. Throws `setting/invalid`. */
export function waitSettings(from: Given, mirrored: readonly string[]): Awaited | undefined {
  const { 'wait-for': wanted, 'wait-for-minutes': patience } = validated(WAIT_OPTIONS, from);
  if (wanted === undefined) return undefined;
  const [database, version] = wanted;
  if (mirrored.includes(database)) return { database, version, patience };
  const what = `${named('wait-for', from)} names ${database}, which is not mirrored`;
  throw new SettingError('setting/invalid', what, { advice: `Name one of ${mirrored.join(', ')}` });
}
