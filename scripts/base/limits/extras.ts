/** Limits of sources of extras: addresses that settings name, and what answers there. */

/** Bytes of one extra, without a setting, and the largest setting: each is held in memory while it is checked. */
export const EXTRA_BYTES = { usual: 64 * 1024 ** 2, most: 512 * 1024 ** 2 } as const;
/** Minutes between two requests for one extra: no feed is made anew more often than every few minutes. */
export const EXTRA_MINUTES = { least: 10, usual: 60, most: 30 * 24 * 60 } as const;
/** Milliseconds by which a request may come earlier, for runs do not start on the minute. */
export const EXTRA_EARLY_MS = 60_000;
/** Milliseconds for one file: without a byte, and until it is whole. A slow source may not hold up the end of a cycle. */
export const EXTRA_PATIENCE = { idle: 30_000, total: 5 * 60_000 } as const;
/** Hosts that are asked at the same time, each for one file. */
export const EXTRA_HOSTS = 2;
/** Milliseconds in which sources are asked for in one cycle. Those that were not, come first in the next. */
export const EXTRAS_MS = 15 * 60_000;
/**
 * Milliseconds without a request after a failure: the first pause, doubled with each further failure up to the longest.
 * `limited`: the first after a 429, `denied`: after a 403, which is about us.
 */
export const EXTRA_PAUSE_MS = {
  first: 10 * 60_000,
  limited: 60 * 60_000,
  denied: 4 * 60 * 60_000,
  longest: 24 * 60 * 60_000,
} as const;
/** Bytes of a signature, a list of hashes or a file of keys. Sanesecurity's list of two hundred files has 20 KB. */
export const EXTRA_SIGNATURE_BYTES = 256 * 1024;
/** Bytes of the note of what is known of the sources: a thousandth of it for each. */
export const EXTRA_MEMORY_BYTES = 1024 ** 2;
/** Characters of an ETag or a date, and of a reason. Both are words of a source. */
export const EXTRA_CHARACTERS = { validator: 300, reason: 500, code: 40 } as const;
/** Failures in a row that are counted: the pause has long been the longest by then. */
export const EXTRA_FAILURES = 1000;
/** Bytes of the list of extras: two hundred entries with all their keys, each with a comment, take half. */
export const EXTRAS_LIST_BYTES = 512 * 1024;
