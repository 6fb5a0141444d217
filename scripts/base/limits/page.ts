/** Limits of what a status page is made of, and reads back from its own store. */

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
