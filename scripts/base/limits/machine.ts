/** Limits of files and folders of this machine that somebody else may have written, or that came from a cache. */

/** Bytes of `state.json`: a few hundred upstreams and databases take a tenth. */
export const STATE_BYTES = 1024 * 1024;
/**
 * Characters of the words in `state.json`: reasons, which are printed and shown in issues, error codes, and kinds of
 * unusual changes.
 */
export const STATE_CHARACTERS = { reason: 500, cachedReason: 200, code: 40, kind: 100 } as const;
/** Milliseconds for which a refused version is remembered while upstream still offers it. */
export const QUARANTINE_MS = 30 * 24 * 60 * 60_000;
/** Milliseconds without another attempt at a version that upstream sent wrongly, whatever `state.json` says. */
export const DOUBTED_MS = 6 * 60 * 60_000;
/** Milliseconds after which a doubt or an unusual change is forgotten if it was not seen again. */
export const FORGOTTEN_MS = 7 * 24 * 60 * 60_000;
/** Milliseconds for which an entry from a cache may delay a mirror. */
export const CACHED_MS = { coolDown: 60 * 60_000, quarantine: 24 * 60 * 60_000 } as const;
/** Kinds of unusual changes that wait in `state.json` for one database: a container has about thirty files. */
export const WAITING_KINDS = 100;
/** Bytes of the record of a partial file: an address, two hashes and a size. */
export const PARTIAL_RECORD_BYTES = 8192;
/** Characters of the validator in that record, an ETag or a date. */
export const VALIDATOR_CHARACTERS = 1000;
/** Milliseconds for which a partial file is kept. */
export const PARTIAL_MS = 7 * 24 * 60 * 60_000;
/** Bytes of `trying.json`: a line for each of fifty databases takes a hundredth. */
export const TRIALS_BYTES = 1024 * 1024;
/** Bytes of `verified.json`: a few hundred files of thirty databases take a tenth. */
export const SIGHTINGS_BYTES = 4 * 1024 * 1024;
/** Files in `verified.json`: more than any mirror has. */
export const SIGHTED_FILES = 20_000;
/** Characters of the seal that shows a file to be unchanged: four numbers, or a store's tag. */
export const SEAL_CHARACTERS = 300;
/** Bytes of `refused-extras.json`: a reason for each of two hundred extras. */
export const EXTRAS_NOTE_BYTES = 1024 * 1024;
/** Symbolic links on the way to a folder: as many as the kernel follows. */
export const LINKS = 40;
/**
 * Bytes of a configuration line, without its newline. ClamAV reads 1023 bytes at a time, newline included, and takes
 * the rest of a longer line for another option, which could be `OnErrorExecute`. Source: common/optparser.c,
 * optparse(): `char buffer[1024]`, fgets().
 */
export const CONF_LINE_BYTES = 1022;
/** Bytes of a settings file: every option of every command, each with a comment, takes a quarter. */
export const CONFIG_BYTES = 64 * 1024;
/** Objects and lists within one another in that file: the whole, a command, a list. */
export const CONFIG_DEPTH = 3;
