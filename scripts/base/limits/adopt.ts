/** Limits of a folder that somebody gives a mirror to begin with. Its files have theirs in databases.ts. */

/** Entries of the folder: one of cvdupdate with three databases has about two hundred. */
export const ADOPT_ENTRIES = 10_000;
/** Versions of one database whose headers are read: the folder of a mirror has one, an archive a few. */
export const ADOPT_VERSIONS = 100;
