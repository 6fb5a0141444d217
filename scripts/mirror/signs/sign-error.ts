import { cvdSignName } from '../../cvd/names.ts';
import type { DatabaseRecord } from '../manifest.ts';

const DAY = 24 * 60 * 60_000;
/** A `.sign` that ends within so many milliseconds is told about: upstream has time to make a new one. */
export const ENDS_SOON_MS = 28 * DAY;

/** What is not as it should be with the `.sign` of a published CVD. */
export interface SignTrouble {
  /** `absent`: some clients are shut out now, for it is missing or has ended. `ending`: they will be. */
  readonly kind: 'absent' | 'ending';
  /** What happened and whom it shuts out, in one sentence without a full stop. */
  readonly what: string;
  /** Since when clients are shut out, or when they will be; milliseconds since 1970. */
  readonly since: number;
}

/** What to tell about the `.sign` of a published database; `undefined`: all is well, or nothing is known. */
export function signTroubleOf(
  database: string,
  { version, sign }: Pick<DatabaseRecord, 'version' | 'sign'>,
  now: Date,
): SignTrouble | undefined {
  if (sign === undefined) return undefined;
  const name = cvdSignName(database, version);
  if (sign.state === 'published') {
    if (sign.notAfter === undefined) return undefined;
    const ends = Date.parse(sign.notAfter);
    if (ends <= now.getTime())
      return {
        kind: 'absent',
        what: `${name} has ended on ${sign.notAfter}: ${harmed(database)}`,
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

/** Whom a missing `.cvd.sign` shuts out (clamav-formats.md §8.3): everybody else gets the database as always. */
export function shutOut(database: string): string {
  return `ClamAV 1.5 and later with FIPS limits (FIPSCryptoHashLimits, as Ubuntu 24.04 sets it) cannot take ${database}, all others can`;
}

/**
 * Whom a `.cvd.sign` harms that is there and not good: freshclam ≥ 1.5 refuses the database, takes it without the `.sign`
 * in its next attempt, and puts the bad one beside it, unproven, in its next run.
 */
export function harmed(database: string): string {
  return `ClamAV 1.5 and later, sooner or later, puts it beside ${database}, and then clamscan fails and clamd does not start; with FIPS limits, ${database} does not arrive`;
}
