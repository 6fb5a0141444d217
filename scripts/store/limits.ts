/**
 * Limits on what comes out of a store, which somebody else may write to. By production's measure: a mirror of thirty
 * databases has a manifest of 0.8 MB, some thousand files, and no CVD of more than 200 MB.
 */

/** Bytes of a lease, which is a line of text with a word for each upload. */
export const LEASE_BYTES = 256 * 1024;
/** Uploads that a lease can name: a run has one for each CVD. */
export const LEASE_UPLOADS = 200;
/** Bytes of one answer that is no file: a thousand objects with the longest names that there can be. */
export const ANSWER_BYTES = 8 * 1024 * 1024;
/** Objects in one listing; somebody may keep other things beside the mirror. */
export const LISTED_OBJECTS = 100_000;
/** Answers to one listing, of which each has a thousand objects as a rule. */
export const LISTED_PAGES = 200;
/** Bytes of one file, where no `--max-size` says less: the largest that it takes. */
export const FILE_BYTES = 16_384 * 1024 * 1024;
