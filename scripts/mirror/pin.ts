import { liesAhead } from '../base/clock.ts';
import { archivedVersions } from './archive.ts';
import type { DatabaseRecord, Manifest } from './manifest.ts';

/** What is known of the pin that holds a database. */
export interface PinVerdict {
  /** Why it is not obeyed: no rollback leaves it like that. */
  readonly bogus?: string;
  /** Why somebody should look at it, though a rollback may have made it. */
  readonly doubt?: string;
}

/**
 * Judges a pin by the traces that a rollback leaves. Nothing in a manifest is signed, so whoever can write one can make a
 * pin that looks real: that is why every pin is told in each report. One that no rollback can have made is not obeyed. One
 * without a trace of the version that it led away from is obeyed and doubted: an archive may have been made smaller, and
 * to let a database go again that somebody holds for a reason is the greater harm.
 */
export function inspectPin(
  database: string,
  { held, version }: DatabaseRecord,
  manifest: Manifest,
  now: Date,
): PinVerdict {
  if (held === undefined) return {};
  if (held.reason.trim() === '') return { bogus: 'it gives no reason' };
  if (liesAhead(held.since, now)) return { bogus: `it begins at ${held.since}, which lies ahead` };
  if (liesAhead(held.since, new Date(manifest.published)))
    return {
      bogus: `it begins at ${held.since}, and nothing was published since ${manifest.published}`,
    };
  const isKept = archivedVersions(manifest, database).some((kept) => kept > version);
  if (isKept || manifest.proof.accepted?.reason === held.reason) return {};
  return {
    doubt:
      'no later version is kept, so nothing shows that a rollback made it; if nobody here did, release it',
  };
}
