/**
 * Every size, count and time that the byte layer bounds, each by production's measure. In 2026 main.cvd has 85 MB and
 * 3.3 million signatures and inflates to about 0.4 GB, daily.cvd has 22 MB, bytecode.cvd the most files. Three times of
 * that must pass; a file beyond a limit is refused before more of it is read.
 */

/** Inflated bytes of a container, or bytes of a CLD that is not compressed. */
export const CONTAINER_LIMIT = 4 * 1024 ** 3;

/**
 * Inflated bytes of a gzip member: as many as `free` whatever it is, and beyond that `ratio` times the compressed ones.
 * Production inflates to 2.1 to 4.7 times; deflate could give 1032 times, which is minutes of work for some megabytes.
 */
export const INFLATION = { free: 16 * 1024 ** 2, ratio: 20 } as const;

/** Files of a CVD: bytecode-336.cvd holds 90, main and daily less than 50. */
export const CVD_ENTRIES_LIMIT = 500;

/** Files of a CLD: freshclam 1.5 and later leave each `X-N.cdiff` and its `.sign` inside, version by version. */
export const CLD_ENTRIES_LIMIT = 5000;

/**
 * Bytes of one file of a container. ClamAV keeps 32 bits of the size and adds the padding to that; a 32-bit ClamAV takes
 * 2^31 for a step back. Source: libclamav/cvd.c, cli_tgzload().
 */
export const ENTRY_SIZE_LIMIT = 2 ** 31 - 512;

/** Blocks of zeros behind the last file: sigtool and freshclam write none, GNU tar fills up 10 KiB. */
export const END_BLOCKS_LIMIT = 20;

/** Bytes of COPYING, which no signature covers and which is held in memory: production's has 18 KB. */
export const COPYING_LIMIT = 1024 ** 2;

/** Bytes of `.info`, which is held in memory: production's have less than 10 KB. */
export const INFO_LIMIT = 1024 ** 2;

/** A number in a header or in `.info`: ClamAV reads them by atoi(), which keeps 32 bits and a sign. */
export const NUMBER_LIMIT = 2 ** 31 - 1;

/** Bytes at the end of a CDIFF in which ClamAV looks for the signature, colon included; no CDIFF is shorter. */
export const CDIFF_SIGNATURE_LIMIT = 350;

/** Bytes of a CDIFF's first part: `ClamAV-Diff:` and two numbers. */
export const CDIFF_HEADER_LIMIT = 64;

/** Inflated bytes of a CDIFF: a step of main.cvd can rewrite most of it. */
export const SCRIPT_LIMIT = 1024 ** 3;

/** Lines of a script: three times main's signatures, each deleted and added. */
export const SCRIPT_LINES_LIMIT = 25_000_000;

/** Comments in a script: production's hold none. */
export const COMMENTS_LIMIT = 1000;

/** Bytes of one line. ClamAV's C versions stopped at 10 MiB (`#LSIZE`), its Rust versions never do. */
export const LINE_LIMIT = 16 * 1024 ** 2;

/** Files that scripts name: a step can replace each file of bytecode. */
export const SCRIPT_FILES_LIMIT = 2 * CVD_ENTRIES_LIMIT;

/**
 * What a chain of CDIFFs may cost. Beyond it the full CVD is the cheaper way. A day's script has about 0.3 MB and opens
 * less than 20 files, so that three months of them fit.
 */
export const PATCH_LIMITS = {
  /** Bytes of all scripts together. Their payload is held in memory. */
  scripts: 64 * 1024 ** 2,
  /** DEL and XCHG in all scripts together. */
  edits: 500_000,
  /** Commands that one file goes through, an OPEN with all that it edits being one. */
  steps: 1000,
  /** The same for all files together. */
  allSteps: 20_000,
  /** Files that are read to make one: each MOVE reads its source once more, and what the source is made of. */
  reads: 16,
  /** Files there are at a time. */
  files: SCRIPT_FILES_LIMIT,
} as const;

/** Times that the old container is inflated from its start again, because a file was asked for that had gone by. */
export const PASSES_LIMIT = 64;

/** Megabytes of JavaScript's heap for each thread of a rebuild: the edits of `PATCH_LIMITS` take about 80. */
export const REBUILD_HEAP_LIMIT_MB = 384;

/** Milliseconds of a rebuild. Level 9 falls to kilobytes a second on data made for that; then the download is faster. */
export const REBUILD_TIME_LIMIT_MS = 15 * 60_000;

/**
 * Compressed bytes that are inflated in one go: deflate makes at most 8.5 MB of them, which is less than a tenth of a
 * second of work and what a reader that cannot stop in between has to hold.
 */
export const PIECE_SIZE = 8 * 1024;
