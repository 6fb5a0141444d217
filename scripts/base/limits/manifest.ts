/**
 * Limits of a manifest, at every door where one comes in. This module needs no package, because the quick check has
 * none. Production has three databases, 100 files and 60 KB; with 1000 CDIFFs of each and all `.sign`, 6000 files.
 */

/** Bytes of a manifest, which is read whole. */
export const MANIFEST_BYTES = 8 * 1024 ** 2;
/** Databases of a manifest: ClamAV publishes three, and had five. */
export const MANIFEST_DATABASES = 50;
/** Files of a manifest: 1000 CDIFFs of each of three databases, with all `.sign`, are 6000. */
export const MANIFEST_FILES = 20_000;
/** Largest version, f-level or count: ClamAV stores an unsigned int, and programs print it as a signed one. */
export const MANIFEST_NUMBER = 2 ** 31 - 1;
/** Bytes of one file: the largest value of --max-size. */
export const FILE_BYTES = 16 * 1024 ** 3;
/** Characters of a name, a reason or an address. */
export const WORDS_CHARACTERS = 2000;
/** Characters of a line of evidence, which names thirty samples by their paths. */
export const EVIDENCE_CHARACTERS = 100_000;
/** Characters of a time: an ISO time to the millisecond has 24. */
export const TIME_CHARACTERS = 40;
/** Milliseconds since 1970 of the first and the last time that a mirror can have. */
export const TIME_MS = { first: 0, last: Date.UTC(2200) - 1 } as const;
/** Characters of the reason why a `.sign` is withheld, and of its ETag. Both are upstream's words. */
export const SIGN_CHARACTERS = { reason: 500, etag: 200 } as const;
/** Extras of a mirror. Sanesecurity, the largest collection, has about fifty files. */
export const EXTRAS = 200;
/** Entries of an allow list. Each is a false alarm that somebody has looked at. */
export const ALLOWED = 1_000;
/** Characters of the name of a signature. ClamAV's longest are about 100. */
export const SIGNATURE_CHARACTERS = 250;
/** Characters of the reason of an entry. */
export const REASON_CHARACTERS = 500;
/** Objects and lists in any JSON: 8 MB of `[` take 345 MB of memory. A manifest has one for each of its files. */
export const JSON_CONTAINERS = 100_000;

/** True for an ISO time within the range of `TIME_MS`. */
export function isPlausibleTime(text: string): boolean {
  const time = Date.parse(text);
  return time >= TIME_MS.first && time <= TIME_MS.last;
}

export function isPlausibleCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= MANIFEST_NUMBER;
}
