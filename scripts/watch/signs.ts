import { lasting } from '../base/words.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { signProblemOf } from '../mirror/signs/sign-problem.ts';
import { type Finding, Findings } from '../probe/finding.ts';
import { judgeAge, type Limits } from './behind.ts';

/** Name of the check for how long a `.sign` has been missing. It counts as a check of age. */
export const SIGN_AGE = 'sign';

const ADVICE =
  'Read the last report of sync. Each sync asks upstream for it, and withholds one that is not good';

/** Facts about the `.sign` of a database. */
export interface SignKnown {
  readonly version: number;
  /** True if it is served. */
  readonly there: boolean;
}

/**
 * Checks for how long clients have been shut out because the `.sign` of a published CVD is missing. If the manifest does not
 * say, there is no finding here: the probe reports a `.sign` that is missing, not good, or about to end.
 */
export function checkSignAge(
  database: string,
  { version, there }: SignKnown,
  { manifest, limits, now }: { readonly manifest: Manifest | undefined; limits: Limits; now: number },
): Finding[] {
  const record = manifest?.databases[database];
  if (record?.sign === undefined || record.version !== version) return [];
  const findings = new Findings(database, SIGN_AGE);
  const trouble = signProblemOf(database, record, new Date(now));
  if (there || trouble?.kind !== 'absent')
    return findings.good(`the .sign of version ${version} is served`).list;
  const age = now - trouble.since;
  return judgeAge(findings, age, limits, `missing for ${lasting(age)}: ${trouble.what}`, ADVICE);
}
