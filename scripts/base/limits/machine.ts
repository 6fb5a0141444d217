/** Files and folders of this machine that somebody else may have written, or that came from a cache. */

/** Bytes of `state.json`: of a few hundred upstreams and databases it has a tenth. */
export const STATE_BYTES = 1024 * 1024;
/** Characters of what is printed of `state.json` and told in issues, of an error's code, of a kind of the unusual. */
export const STATE_CHARACTERS = { reason: 500, cachedReason: 200, code: 40, kind: 100 } as const;
/** Milliseconds for which a refused version is remembered, should upstream still offer it. */
export const QUARANTINE_MS = 30 * 24 * 60 * 60_000;
/** Milliseconds for which a version that did not come right is left alone at most: `state.json` may say more. */
export const DOUBTED_MS = 6 * 60 * 60_000;
/** Milliseconds after which a doubt, or something unusual, that was not seen again is a new one. */
export const FORGOTTEN_MS = 7 * 24 * 60 * 60_000;
/** Milliseconds for which something from a cache may hold a mirror up. */
export const CACHED_MS = { coolDown: 60 * 60_000, quarantine: 24 * 60 * 60_000 } as const;
/** Kinds of something unusual of one database that wait in `state.json`: a container has some thirty files. */
export const WAITING_KINDS = 100;
/** Bytes of what is known of a part of a file: an address, two hashes and a size. */
export const PARTIAL_RECORD_BYTES = 8192;
/** Characters of what tells there if a file is still the same: an ETag, or a date. */
export const VALIDATOR_CHARACTERS = 1000;
/** Milliseconds that a part of a file is kept: nobody waits for the rest after a week. */
export const PARTIAL_MS = 7 * 24 * 60 * 60_000;
/** Bytes of `trying.json`: a line for each of fifty databases takes a hundredth of it. */
export const TRIALS_BYTES = 1024 * 1024;
/** Bytes of `verified.json`: some hundred files of thirty databases take a tenth of this. */
export const SIGHTINGS_BYTES = 4 * 1024 * 1024;
/** Files in `verified.json`: more than any mirror has. */
export const SIGHTED_FILES = 20_000;
/** Characters by which a file looks as it did: four numbers, or a tag of a store. */
export const SEAL_CHARACTERS = 300;
/** Links on the way to a folder: the kernel follows no more. */
export const LINKS = 40;
/**
 * Bytes of a line of a configuration, without its end. ClamAV reads 1023 bytes at a time, the end of the line among them,
 * and takes what is left of a longer line for a line of its own: an option, and `OnErrorExecute` is one.
 * Source: common/optparser.c, optparse(): `char buffer[1024]`, fgets().
 */
export const CONF_LINE_BYTES = 1022;
