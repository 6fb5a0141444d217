/**
 * A store, which somebody else may write to: what comes out of it. By production's measure: a mirror of thirty
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
/** Characters of an upload's name and of its id, in a lease: S3 promises no length. */
export const UPLOAD_CHARACTERS = { name: 100, id: 1000 } as const;
/** Seconds for which a lease is believed, whatever it says: ours lasts a minute. */
export const LEASE_SECONDS = 3600;
/** Milliseconds until a bucket's host must have taken a connection. */
export const BUCKET_CONNECT_MS = 10_000;
/** Milliseconds without a byte on the wire from or to a bucket. */
export const BUCKET_IDLE_MS = 60_000;
/** Bytes of the copies on this machine together: several times what upstream has. */
export const COPIES_BYTES = 2_000_000_000;
/** Bytes that come back for an object on trial, which is ours and has less. */
export const TRIAL_BYTES = 1000;
