/** Limits of the lists of changed signatures, which a store, a mirror or a person may have written. */

/** Characters of a signature's name: the longest of production has 120. */
export const NAME_CHARACTERS = 200;
/** Versions of a database whose changes are kept. */
export const CHANGES_VERSIONS = 100;
/** Bytes of the list of one version: thirty times a day's. What does not fit is counted. */
export const CHANGES_BYTES = 2 * 1024 ** 2;
/** Opening brackets in such a list, in names too: below what may be in any JSON. */
export const CHANGES_BRACKETS = 50_000;
/** Files in the list of one version: as many as a script may name. */
export const CHANGES_FILES = 1000;
/** Bytes of the overview of a database's versions: a hundred take 30 KB. */
export const CHANGES_OVERVIEW_BYTES = 256 * 1024;
/** Names of one version in the index of names. Of a version with more, its list is read instead. */
export const INDEXED_NAMES = 50_000;
/** Bytes of the index of names: 100 versions with 2000 names each take 1.1 MB. */
export const CHANGES_INDEX_BYTES = 32 * 1024 ** 2;
/** Steps whose changes one cycle works out: a chain of CDIFFs is held in memory. */
export const CHANGES_STEPS = 100;
/** Signatures of two databases that are compared line by line: three times main's. */
export const COMPARED_LINES = 20_000_000;
