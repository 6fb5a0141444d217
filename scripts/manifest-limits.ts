/**
 * What a manifest may hold at most, at every door where one comes in. This module needs no package, for the quick look
 * has none. Production: three databases, 100 files, 60 KB; with 1000 CDIFFs of each and all `.sign`, 6000 files.
 */

/** Bytes. A manifest is read whole. */
export const MANIFEST_LIMIT = 8 * 1024 ** 2;
/** ClamAV publishes three, and had five. */
export const DATABASES_LIMIT = 50;
export const FILES_LIMIT = 20_000;
/** Versions, f-levels and counts: a CVD's header has them as an unsigned int, which programs print as a signed one. */
export const NUMBER_LIMIT = 2 ** 31 - 1;
/** Bytes of one file: as much as --max-size takes. */
export const FILE_SIZE_LIMIT = 16 * 1024 ** 3;
/** Characters of a name, a reason or an address. */
export const WORDS_LIMIT = 2000;
/** Characters of a line of evidence: it names thirty samples by their paths. */
export const EVIDENCE_LIMIT = 100_000;
/** Times outside of these years are no times of a mirror's. Milliseconds since 1970. */
const [FIRST_TIME, LAST_TIME] = [0, Date.UTC(2200)];

/** True for an ISO time that is real and not absurd. */
export function isPlausibleTime(text: string): boolean {
  const time = Date.parse(text);
  return time >= FIRST_TIME && time < LAST_TIME;
}

export function isPlausibleCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) <= NUMBER_LIMIT;
}
