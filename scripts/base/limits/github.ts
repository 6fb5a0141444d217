/** Limits of GitHub (API, cache, reports of other jobs, summaries, issues) and of the service for health checks. */

/**
 * Bytes of a report within `toJSON(needs)`. Linux takes 128 KiB in one variable, which also has to hold its name, the
 * other outputs and the other jobs.
 */
export const REPORT_BYTES = 64 * 1024;
/** Bytes of any other output in that variable. */
export const OUTPUT_BYTES = 16 * 1024;
/** Characters of a summary: GitHub takes a megabyte. */
export const SUMMARY_CHARACTERS = 250_000;
/** Characters of a failure's description in a report, which travels in a variable. */
export const FAILURE_CHARACTERS = 4000;
/** Last lines of a log kept with a failure, and the characters of each. */
export const LOG_TAIL = { lines: 30, characters: 240 } as const;
/** Faults named by a report, and the characters of each: they quote the mirror. */
export const FAULTS = { lines: 30, characters: 1000 } as const;
/** Characters, lines and rows of a failure in an issue: GitHub takes 65,536 characters. */
export const ISSUE = {
  what: 4000,
  advice: 2000,
  log: 20_000,
  logLines: 40,
  /** Characters of any line. */
  line: 500,
  databases: 100,
} as const;
/** Bytes of a page of GitHub's issues, which lists a hundred. */
export const ISSUES_BYTES = 8 * 1024 * 1024;
/** Pages of GitHub's issues. */
export const ISSUE_PAGES = 10;
/** Milliseconds for requests to GitHub's API. */
export const GITHUB_PACE = {
  /** For one request. */
  timeout: 20_000,
  /** Before the second attempt; four times as long before the third. */
  pause: 1_000,
  /** For a rate limit to end; a longer one is an error. */
  longestWait: 30_000,
} as const;
/** Milliseconds for the answer to a ping, and before each further attempt. */
export const PING_PATIENCE = { answer: 10_000, waits: [1000, 5000] } as const;
/** Characters sent with a ping: services keep 10 to 100 KB. */
export const PING_CHARACTERS = 2000;
/** Bytes of the answer to a ping, which is "OK". */
export const PING_ANSWER_BYTES = 1000;
/** Milliseconds to restore and to save a cache: 2 GB take half a minute. */
export const CACHE_MS = { restore: 5 * 60_000, save: 10 * 60_000 } as const;
/** Bytes of a cache, with a kilobyte around each file. A cache of ours holds no more than our copies have. */
export const CACHE_BYTES = 2_100_000_000;
/** Files of a cache: each CDIFF is one, and so is its `.sign`. */
export const CACHE_FILES = 20_000;
/** Bytes by which a cache may grow when unpacked: `pack` does not compress, so no small file takes long. */
export const CACHE_GROWTH_BYTES = 1024 * 1024;
/** Bytes of the state in a cache: a line or two for each database. */
export const CACHED_STATE_BYTES = 65_536;
