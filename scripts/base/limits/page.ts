/** Limits of what is published beside the databases, and read back from its own store: a status page, lists of changes. */

/** Cycles that `history.json` keeps: sixteen days of one each hour. */
export const HISTORY_CYCLES = 400;
/** Days that it keeps, each as one entry. */
export const HISTORY_DAYS = 90;
/** Changes of databases that it keeps. */
export const HISTORY_CHANGES = 60;
/** Refusals, releases and changes of the allow list that it keeps: more than a manifest has databases. */
export const HISTORY_EVENTS = 100;
/** Bytes of `history.json`: three databases take a tenth. */
export const HISTORY_BYTES = 2 * 1024 ** 2;
/** Characters of an error code in it. */
export const HISTORY_CODE_CHARACTERS = 40;
/** Bytes of `local_notice.html`, which the page repeats. */
export const NOTICE_BYTES = 4096;
/** Files of the owner that a cycle publishes. */
export const LOCAL_FILES = 100;
/** Bytes of one of them: a logo, a notice, a certificate, not a database. */
export const LOCAL_BYTES = 4 * 1024 ** 2;
/** Bytes from the start of a file by which a page of ours is told from somebody else's. */
export const MARK_BYTES = 512;
/** Bytes of the page. One that would be larger leaves out what the manifest has too. */
export const PAGE_BYTES = 100_000;
/** Entries of a feed: the newest of what the history keeps. */
export const FEED_ENTRIES = 100;
/** Bytes of a feed. One that would be larger ends with an earlier entry. */
export const FEED_BYTES = 128 * 1024;
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
/** Lists that one cycle makes of a database, which it holds in memory: the window of CDIFFs is 30 by default. */
export const CHANGES_STEPS = 40;
/** Signatures of two databases that are compared line by line: three times main's. */
export const COMPARED_LINES = 20_000_000;
