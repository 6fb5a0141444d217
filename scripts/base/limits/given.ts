/**
 * Limits of what somebody gives a mirror: a folder to begin with, and bundles, which anybody may have carried and changed. Their
 * databases have theirs in databases.ts.
 */

/** Entries of the folder: one of cvdupdate with three databases has about two hundred. */
export const ADOPT_ENTRIES = 10_000;
/** Versions of one database whose headers are read: the folder of a mirror has one, an archive a few. */
export const ADOPT_VERSIONS = 100;
/** Bytes of a bundle's list of contents: a first bundle of three databases has 100 files, and 20 KB. */
export const BUNDLE_CONTENTS_BYTES = 4 * 1024 ** 2;
/** Pieces of one bundle: 16 GB in pieces of 16 MB. */
export const BUNDLE_PIECES = 999;
/** Bundles that one import takes together. */
export const BUNDLES = 1000;
/** Bytes of the note of the last bundle: it names each file that the other side has. */
export const BUNDLE_NOTE_BYTES = 4 * 1024 ** 2;
/** Bytes of an allow list in a file: a thousand entries with long reasons. */
export const ALLOW_LIST_BYTES = 1024 ** 2;

/**
 * Signatures that one entry of the allow list, or the lists of others together, may switch off: `most`, or a `share` of a small set,
 * but `least` in any case. An entry is meant for one false alarm, and one name stands for some signatures.
 */
export const HIDDEN_SIGNATURES = { most: 1_000, share: 0.01, least: 3 } as const;
