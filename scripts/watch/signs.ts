import { lasting } from '../base/words.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { signProblemOf } from '../mirror/signs/sign-error.ts';
import { type Finding, Findings } from '../probe/finding.ts';
import { judgeAge, type Limits } from './behind.ts';

/** The check that tells for how long a `.sign` has been missing: an age, with the limits of one. */
export const SIGN_AGE = 'sign';

const ADVICE =
  'Read what the last sync says of it: it asks upstream each time, and withholds what is not good';

/** What is known of a database's `.sign`. */
export interface SignKnown {
  readonly version: number;
  /** Whether it is served. */
  readonly there: boolean;
}

/**
 * For how long clients have been shut out for want of the `.sign` of a published CVD, by the manifest. A mirror that does
 * not say since when is not judged here: that it is missing, or there and not good, or about to end, the probe tells.
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
  if (there || trouble?.kind !== 'absent') return findings.good(`that of version ${version} is served`).list;
  const age = now - trouble.since;
  return judgeAge(findings, age, limits, `missing for ${lasting(age)}: ${trouble.what}`, ADVICE);
}
