import { liesAhead } from '../base/clock.ts';
import { archivedVersions } from './archive.ts';
import type { DatabaseRecord, Manifest } from './manifest.ts';

/** Verdict on the pin of a database. */
export interface PinVerdict {
  /** Reason to ignore the pin: no rollback leaves it like this. */
  readonly bogus?: string;
  /** Reason for somebody to check the pin, although a rollback may have made it. */
  readonly doubt?: string;
}

/**
 * Checks a pin for the traces that a rollback leaves. A manifest is not signed, so whoever can write it can forge a
 * pin: therefore every report names every pin. A pin that no rollback can have made is ignored. A pin without a trace
 * of the version that it led away from is obeyed and doubted: the archive may have been made smaller, and releasing a
 * database that somebody pinned for a reason does more harm.
 */
export function inspectPin(
  database: string,
  { held, version }: DatabaseRecord,
  manifest: Manifest,
  now: Date,
): PinVerdict {
  if (held === undefined) return {};
  if (held.reason.trim() === '') return { bogus: 'it gives no reason' };
  if (liesAhead(held.since, now)) return { bogus: `it starts at ${held.since}, which is in the future` };
  if (liesAhead(held.since, new Date(manifest.published)))
    return {
      bogus: `it starts at ${held.since}, after the last publication at ${manifest.published}`,
    };
  const isKept = archivedVersions(manifest, database).some((kept) => kept > version);
  if (isKept || manifest.proof.accepted?.reason === held.reason) return {};
  return {
    doubt:
      'no later version is in the archive, so nothing shows that a rollback made it; release it unless somebody here made it',
  };
}
