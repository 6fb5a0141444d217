import { cdiffName, cvdSignName } from '../../cvd/names.ts';
import type { SignRecord } from '../../mirror/manifest.ts';
import { StoreError } from '../../store/store.ts';
import type { Offer } from '../../upstream/acquire/cvd.ts';
import type { SignAnswer } from '../../upstream/acquire/sign.ts';
import { UpstreamError } from '../../upstream/error.ts';

/** A CDIFF or `.sign` that upstream lacks this long after the build of its version is not late any more. */
const LATE_MS = 24 * 60 * 60_000;

/**
 * Never steps back to an older version, not even to repair a damaged store: a downgrade attack would start that way
 * (field-notes.md, defect 2). Throws `store/missing`.
 */
export function requireNoOlder({ header }: Offer, version = 0): void {
  if (header.version >= version) return;
  const what = `version ${version} in the store is damaged, and upstream offers the older ${header.version}`;
  throw new StoreError('store/missing', what, {
    advice: 'It is taken anew as soon as upstream offers that version or a later one',
  });
}

/**
 * Waits for the CDIFF to a new version: a client that is one version behind stays there, and says nothing, until it gets
 * it (clamav-formats.md §6). After a day the CDN has it everywhere or never will. Throws `upstream/missing`.
 */
export function requireLastCdiff(
  offer: Offer,
  published: number | undefined,
  missing: readonly number[],
  now: Date,
): void {
  const { database, header } = offer;
  const { version } = header;
  if (published !== version - 1 || !missing.includes(version) || isOld(offer, now)) return;
  const name = cdiffName(database, version);
  throw new UpstreamError('upstream/missing', `upstream offers version ${version}, and not yet ${name}`, {
    advice: 'Clients of the published version could not follow; it is tried again in the next cycle',
  });
}

/**
 * Waits a day for the `.sign` of a new version where upstream has had them before: clients with FIPS limits cannot take the
 * version without it. Throws `upstream/missing`.
 */
export function requireSign(
  offer: Offer,
  published: SignRecord | undefined,
  answer: SignAnswer,
  now: Date,
): void {
  if (answer !== 'missing' || published?.state !== 'published' || isOld(offer, now)) return;
  const { version } = offer.header;
  const name = cvdSignName(offer.database, version);
  throw new UpstreamError('upstream/missing', `upstream offers version ${version}, and not yet ${name}`, {
    advice: 'Clients with FIPS limits could not take it; it is tried again in the next cycle',
  });
}

function isOld({ header }: Offer, now: Date): boolean {
  return now.getTime() - header.stime * 1000 > LATE_MS;
}
