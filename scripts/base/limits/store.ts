/**
 * Limits of what comes out of a store, which somebody else may write to. Measured against production: a mirror of
 * thirty databases has a manifest of 0.8 MB, a few thousand files, and no CVD of more than 200 MB.
 */

/** Bytes of a lease: a line of text with a word for each upload. */
export const LEASE_BYTES = 256 * 1024;
/** Uploads that a lease can name: a run has one for each CVD. */
export const LEASE_UPLOADS = 200;
/** Bytes of one answer that is not a file: a listing of a thousand objects with the longest possible names. */
export const ANSWER_BYTES = 8 * 1024 * 1024;
/** Objects in one listing, in which there may be more than the mirror. */
export const LISTED_OBJECTS = 100_000;
/** Answers to one listing: each usually has a thousand objects. */
export const LISTED_PAGES = 200;
/** Characters of an upload's name and id in a lease: S3 promises no length. */
export const UPLOAD_CHARACTERS = { name: 100, id: 1000 } as const;
/** Seconds for which a lease is believed at most: ours lasts a minute. */
export const LEASE_SECONDS = 3600;
/** Milliseconds for a bucket's host to accept a connection. */
export const BUCKET_CONNECT_MS = 10_000;
/** Milliseconds without a byte from or to a bucket. */
export const BUCKET_IDLE_MS = 60_000;
/** Bytes of all copies on this machine: several times what upstream has. */
export const COPIES_BYTES = 2_000_000_000;
/** Bytes read back from a test object, which has fewer. */
export const TEST_OBJECT_BYTES = 1000;
