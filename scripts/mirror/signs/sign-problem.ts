import { cvdSignName } from '../../cvd/names.ts';
import type { DatabaseRecord } from '../manifest.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Time before its end from which a `.sign` is reported, so that upstream can make a new one. */
export const ENDS_SOON_MS = 28 * DAY_MS;

/** Problem with the `.sign` of a published CVD. */
export interface SignProblem {
  /** `absent`: some clients are shut out now, because it is missing or has ended. `ending`: they soon will be. */
  readonly kind: 'absent' | 'ending';
  /** Sentence without a full stop: what happened and whom it shuts out. */
  readonly what: string;
  /** Time from which clients are shut out, past or future; milliseconds since 1970. */
  readonly since: number;
}

/** Problem with the `.sign` of a published database; `undefined` if there is none, or if nothing is known. */
export function signProblemOf(
  database: string,
  { version, sign }: Pick<DatabaseRecord, 'version' | 'sign'>,
  now: Date,
): SignProblem | undefined {
  if (sign === undefined) return undefined;
  const name = cvdSignName(database, version);
  if (sign.state === 'published') {
    if (sign.notAfter === undefined) return undefined;
    const ends = Date.parse(sign.notAfter);
    if (ends <= now.getTime())
      return {
        kind: 'absent',
        what: `${name} ended on ${sign.notAfter}: ${harmed(database)}`,
        since: ends,
      };
    if (ends - now.getTime() > ENDS_SOON_MS) return undefined;
    const what = `${name} is valid until ${sign.notAfter}: then ${shutOut(database)}`;
    return { kind: 'ending', what, since: ends };
  }
  const why =
    sign.state === 'missing'
      ? `upstream has no ${name} (asked for since ${sign.since})`
      : `${name} is withheld since ${sign.since}: ${sign.reason ?? 'it is not good now'}`;
  return { kind: 'absent', what: `${why}; ${shutOut(database)}`, since: Date.parse(sign.since) };
}

/**
 * Names the clients that a missing `.cvd.sign` shuts out (clamav-formats.md §8.3). All others get the database as
 * always.
 */
export function shutOut(database: string): string {
  return `ClamAV 1.5 and later with FIPS limits (FIPSCryptoHashLimits, as Ubuntu 24.04 sets it) cannot take ${database}, all others can`;
}

/**
 * Names the clients that a bad `.cvd.sign` harms: freshclam ≥ 1.5 refuses the database, takes it without the `.sign` in
 * its next attempt, and puts the bad one beside it, unproven, in its next run.
 */
export function harmed(database: string): string {
  return `ClamAV 1.5 and later will put it beside ${database} before long, and then clamscan fails and clamd does not start; with FIPS limits, ${database} does not arrive`;
}
