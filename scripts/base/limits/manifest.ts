/**
 * The manifest: what one may hold at most, at every door where one comes in. This module needs no package, for the quick look
 * has none. Production: three databases, 100 files, 60 KB; with 1000 CDIFFs of each and all `.sign`, 6000 files.
 */

/** Bytes. A manifest is read whole. */
export const MANIFEST_BYTES = 8 * 1024 ** 2;
/** ClamAV publishes three, and had five. */
export const MANIFEST_DATABASES = 50;
/** A thousand CDIFFs of each of three databases, with all `.sign`, are 6000. */
export const MANIFEST_FILES = 20_000;
/** Versions, f-levels and counts: a CVD's header has them as an unsigned int, which programs print as a signed one. */
export const MANIFEST_NUMBER = 2 ** 31 - 1;
/** Bytes of one file: as much as --max-size takes. */
export const FILE_BYTES = 16 * 1024 ** 3;
/** Characters of a name, a reason or an address. */
export const WORDS_CHARACTERS = 2000;
/** Characters of a line of evidence: it names thirty samples by their paths. */
export const EVIDENCE_CHARACTERS = 100_000;
/** Characters of a time: an ISO time to the millisecond has 24. */
export const TIME_CHARACTERS = 40;
/** Times outside of these years are no times of a mirror's. Milliseconds since 1970. */
export const TIME_MS = { first: 0, last: Date.UTC(2200) - 1 } as const;
/** Characters of why a `.sign` is withheld, and of the ETag that it came with: upstream's words. */
export const SIGN_CHARACTERS = { reason: 500, etag: 200 } as const;
/** Objects and lists of any JSON: eight megabytes of `[` take 345 MB, and a manifest has one for each of its files. */
export const JSON_CONTAINERS = 100_000;

/** True for an ISO time that is real and not absurd. */
export function isPlausibleTime(text: string): boolean {
  const time = Date.parse(text);
  return time >= TIME_MS.first && time <= TIME_MS.last;
}

export function isPlausibleCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MANIFEST_NUMBER;
}
