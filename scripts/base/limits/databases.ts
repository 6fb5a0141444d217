/**
 * Databases, CDIFFs and `.sign` files: every size, count and time that the layer of bytes and verdicts bounds, each by production's measure. In 2026 main.cvd has 85 MB and
 * 3.3 million signatures and inflates to about 0.4 GB, daily.cvd has 22 MB, bytecode.cvd the most files. Three times of
 * that must pass; a file beyond a limit is refused before more of it is read.
 */

/** Inflated bytes of a container, or bytes of a CLD that is not compressed. */
export const CONTAINER_BYTES = 4 * 1024 ** 3;

/**
 * Inflated bytes of a gzip member: as many as `free` whatever it is, and beyond that `ratio` times the compressed ones.
 * Production inflates to 2.1 to 4.7 times; deflate could give 1032 times, which is minutes of work for some megabytes.
 */
export const INFLATION = { free: 16 * 1024 ** 2, ratio: 20 } as const;

/** Files of a CVD: bytecode-336.cvd holds 90, main and daily less than 50. */
export const CVD_ENTRIES = 500;

/** Files of a CLD: freshclam 1.5 and later leave each `X-N.cdiff` and its `.sign` inside, version by version. */
export const CLD_ENTRIES = 5000;

/**
 * Bytes of one file of a container. ClamAV keeps 32 bits of the size and adds the padding to that; a 32-bit ClamAV takes
 * 2^31 for a step back. Source: libclamav/cvd.c, cli_tgzload().
 */
export const ENTRY_BYTES = 2 ** 31 - 512;

/** Blocks of zeros behind the last file: sigtool and freshclam write none, GNU tar fills up 10 KiB. */
export const END_BLOCKS = 20;

/** Bytes of COPYING, which no signature covers and which is held in memory: production's has 18 KB. */
export const COPYING_BYTES = 1024 ** 2;

/** Bytes of a `.sign`: Talos' samples have 5170. */
export const SIGN_BYTES = 64 * 1024;

/** Signatures in a `.sign`: one for each range of f-levels. */
export const SIGN_LINES = 16;

/** Certificates in a chain, leaf and root included: Talos' has two. */
export const CHAIN_CERTIFICATES = 8;

/** Bytes in an object identifier: decoding takes longer than linear time. */
export const OID_BYTES = 64;

/** Bits of a certificate's RSA key: a weaker one proves nothing, a longer one takes long to be tried. */
export const KEY_BITS = { least: 2048, most: 8192 } as const;

/** Files of a CLD that ClamAV does not load: a CDIFF and its `.sign` a day make 3,650 in five years. */
export const LEFTOVER_FILES = 4000;

/** Bytes of all of them: as much as the largest database has. Whoever is told takes the CVD, and begins without any. */
export const LEFTOVER_BYTES = 512 * 1024 ** 2;

/** Files of a CLD beside those, and files that are compared: production's databases have about thirty. */
export const LOADED_FILES = 500;

/** Characters of the name of a file in a script: as many as a tar header holds. */
export const FILE_NAME_CHARACTERS = 99;

/** Bytes of `.info`, which is held in memory: production's have less than 10 KB. */
export const INFO_BYTES = 1024 ** 2;

/** A number in a header or in `.info`: ClamAV reads them by atoi(), which keeps 32 bits and a sign. */
export const HEADER_NUMBER = 2 ** 31 - 1;

/** Bytes at the end of a CDIFF in which ClamAV looks for the signature, colon included; no CDIFF is shorter. */
export const CDIFF_SIGNATURE_BYTES = 350;

/** Bytes of a CDIFF's first part: `ClamAV-Diff:` and two numbers. */
export const CDIFF_HEADER_BYTES = 64;

/** Inflated bytes of a CDIFF: a step of main.cvd can rewrite most of it. */
export const SCRIPT_BYTES = 1024 ** 3;

/** Lines of a script: three times main's signatures, each deleted and added. */
export const SCRIPT_LINES = 25_000_000;

/** Comments in a script: production's hold none. */
export const SCRIPT_COMMENTS = 1000;

/** Bytes of one line. ClamAV's C versions stopped at 10 MiB (`#LSIZE`), its Rust versions never do. */
export const LINE_BYTES = 16 * 1024 ** 2;

/** Files that scripts name: a step can replace each file of bytecode. */
export const SCRIPT_FILES = 2 * CVD_ENTRIES;

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
  files: SCRIPT_FILES,
} as const;

/** Times that the old container is inflated from its start again, because a file was asked for that had gone by. */
export const OLD_CONTAINER_PASSES = 64;

/** Megabytes of JavaScript's heap for each thread of a rebuild: the edits of `PATCH_LIMITS` take about 80. */
export const REBUILD_HEAP_MB = 384;

/** Milliseconds of a rebuild. Level 9 falls to kilobytes a second on data made for that; then the download is faster. */
export const REBUILD_MS = 15 * 60_000;

/**
 * Compressed bytes that are inflated in one go: deflate makes at most 8.5 MB of them, which is less than a tenth of a
 * second of work and what a reader that cannot stop in between has to hold.
 */
export const PIECE_BYTES = 8 * 1024;

/** Milliseconds of reading for which nothing else may wait. */
export const BUSY_MS = 50;
