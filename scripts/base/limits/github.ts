/** GitHub: its API and its cache, what other jobs report, what it is shown; and the service for health checks. */

/**
 * Bytes of a report within `toJSON(needs)`: Linux takes 128 KiB in one variable, in which the name, the other outputs and
 * the other jobs have to find room too.
 */
export const REPORT_BYTES = 64 * 1024;
/** Bytes of any other output there. */
export const OUTPUT_BYTES = 16 * 1024;
/** Characters of a summary: GitHub takes a megabyte, in bytes. */
export const SUMMARY_CHARACTERS = 250_000;
/** Characters of what is told of a failure: a report travels in a variable. */
export const FAILURE_CHARACTERS = 4000;
/** The lines of a log that are kept for whoever reads of a failure somewhere else. */
export const LOG_TAIL = { lines: 30, characters: 240 } as const;
/** The faults that a report names: the mirror's own words are in them. */
export const FAULTS = { lines: 30, characters: 1000 } as const;
/** What an issue shows of a failure: GitHub takes 65,536 characters. */
export const ISSUE = {
  what: 4000,
  advice: 2000,
  log: 20_000,
  logLines: 40,
  /** Characters of any line. */
  line: 500,
  databases: 100,
} as const;
/** Bytes of GitHub's list of a hundred issues. */
export const ISSUES_BYTES = 8 * 1024 * 1024;
/** Pages of a list of issues, of a hundred each. */
export const ISSUE_PAGES = 10;
/** Milliseconds of requests to GitHub's API. */
export const GITHUB_PACE = {
  /** For one request. */
  timeout: 20_000,
  /** Before a request is tried again; then four times as long. */
  pause: 1_000,
  /** The longest that a rate limit is waited for; above it we give up. */
  longestWait: 30_000,
} as const;
/** Milliseconds of a ping, and before each further attempt. */
export const PING_PATIENCE = { answer: 10_000, waits: [1000, 5000] } as const;
/** Characters that are sent with a ping: services keep 10 to 100 KB. */
export const PING_CHARACTERS = 2000;
/** Bytes of the answer to a ping, which says OK. */
export const PING_ANSWER_BYTES = 1000;
/** Milliseconds to bring and to save a cache: 2 GB come in half a minute. */
export const CACHE_MS = { restore: 5 * 60_000, save: 10 * 60_000 } as const;
/** Bytes of everything in a cache, with a kilobyte around each file: more than our copies have is no cache of ours. */
export const CACHE_BYTES = 2_100_000_000;
/** Files of a cache: each CDIFF is one, and its `.sign`. */
export const CACHE_FILES = 20_000;
/** Bytes that a cache may grow by: `pack` compresses nothing, so that no small file takes long to unpack. */
export const CACHE_GROWTH_BYTES = 1024 * 1024;
/** Bytes of the state in a cache: it holds a line or two for each database. */
export const CACHED_STATE_BYTES = 65_536;
