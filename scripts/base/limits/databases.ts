/**
 * Limits of databases, CDIFFs and `.sign` files, measured against production. In 2026 main.cvd has 85 MB and 3.3
 * million signatures and inflates to about 0.4 GB; daily.cvd has 22 MB; bytecode.cvd has the most files. Three times
 * as much must pass. A file beyond a limit is refused before more of it is read.
 */

/** Inflated bytes of a container, or bytes of a CLD that is not compressed. */
export const CONTAINER_BYTES = 4 * 1024 ** 3;

/**
 * Inflated bytes of a gzip member: `free` of them always, and `ratio` for each compressed byte beyond that. Production
 * inflates to 2.1 to 4.7 times its size. Deflate could reach 1032 times, minutes of work for a few megabytes.
 */
export const INFLATION = { free: 16 * 1024 ** 2, ratio: 20 } as const;

/** Files of a CVD: bytecode-336.cvd holds 90, main and daily less than 50. */
export const CVD_ENTRIES = 500;

/** Files of a CLD: freshclam 1.5 and later leave each `X-N.cdiff` and its `.sign` inside, version by version. */
export const CLD_ENTRIES = 5000;

/**
 * Bytes of one file of a container. ClamAV adds the padding to a size of 32 bits, and a 32-bit ClamAV reads 2^31 as a
 * step back. Source: libclamav/cvd.c, cli_tgzload().
 */
export const ENTRY_BYTES = 2 ** 31 - 512;

/** Blocks of zeros behind the last file: sigtool and freshclam write none, GNU tar fills up 10 KiB. */
export const END_BLOCKS = 20;

/** Bytes of COPYING, which is unsigned and held in memory: production's has 18 KB. */
export const COPYING_BYTES = 1024 ** 2;

/** Bytes of a `.sign`: Talos' samples have 5170. */
export const SIGN_BYTES = 64 * 1024;

/** Signatures in a `.sign`: one for each range of f-levels. */
export const SIGN_LINES = 16;

/** Certificates in a chain, leaf and root included: Talos' has two. */
export const CHAIN_CERTIFICATES = 8;

/** Bytes of an object identifier: decoding one takes more than linear time. */
export const OID_BYTES = 64;

/** Bits of a certificate's RSA key: a shorter one proves nothing, a longer one is slow to verify. */
export const KEY_BITS = { least: 2048, most: 8192 } as const;

/** Files of a CLD that ClamAV does not load: a CDIFF and its `.sign` a day make 3,650 in five years. */
export const LEFTOVER_FILES = 4000;

/**
 * Bytes of those files together: as much as the largest database. A client with more takes the CVD and starts clean.
 */
export const LEFTOVER_BYTES = 512 * 1024 ** 2;

/** Files of a CLD that ClamAV loads or that are compared: production's databases have about thirty. */
export const LOADED_FILES = 500;

/** Characters of a file name in a script: as many as a tar header holds. */
export const FILE_NAME_CHARACTERS = 99;

/** Bytes of `.info`, which is held in memory: production's have less than 10 KB. */
export const INFO_BYTES = 1024 ** 2;

/** Largest number in a header or in `.info`: ClamAV reads them with atoi(), which keeps 31 bits and a sign. */
export const HEADER_NUMBER = 2 ** 31 - 1;

/** Bytes at the end of a CDIFF in which ClamAV looks for the signature, colon included. No CDIFF is shorter. */
export const CDIFF_SIGNATURE_BYTES = 350;

/** Bytes of a CDIFF's first part: `ClamAV-Diff:` and two numbers. */
export const CDIFF_HEADER_BYTES = 64;

/** Inflated bytes of a CDIFF: a step of main.cvd can rewrite most of it. */
export const SCRIPT_BYTES = 1024 ** 3;

/** Lines of a script: three times main's signatures, each deleted and added. */
export const SCRIPT_LINES = 25_000_000;

/** Comments in a script: production's hold none. */
export const SCRIPT_COMMENTS = 1000;

/** Bytes of one line of a script. ClamAV's C versions stopped at 10 MiB (`#LSIZE`); its Rust versions never do. */
export const LINE_BYTES = 16 * 1024 ** 2;

/** Files that scripts name: a step can replace each file of bytecode. */
export const SCRIPT_FILES = 2 * CVD_ENTRIES;

/**
 * Most that a chain of CDIFFs may cost. Beyond that a download of the CVD is cheaper. A day's script has about 0.3
 * MB and opens fewer than 20 files, so three months of them fit.
 */
export const PATCH_LIMITS = {
  /** Bytes of all scripts together, which are held in memory. */
  scripts: 64 * 1024 ** 2,
  /** DEL and XCHG in all scripts together. */
  edits: 500_000,
  /** Commands applied to one file. An OPEN and all of its edits count as one. */
  steps: 1000,
  /** Commands applied to all files together, counted in the same way. */
  allSteps: 20_000,
  /** Files read to make one file: each MOVE reads its source again, and everything the source is made of. */
  reads: 16,
  /** Files that exist at a time. */
  files: SCRIPT_FILES,
} as const;

/** Characters of a signature's name that are told: ClamAV sets no limit, and production's longest are half as long. */
export const NAME_CHARACTERS = 200;

/** Passes over the old container: a read of a file that the current pass has left behind starts another one. */
export const OLD_CONTAINER_PASSES = 64;

/** Megabytes of JavaScript's heap for each thread of a rebuild: the edits of `PATCH_LIMITS` take about 80. */
export const REBUILD_HEAP_MB = 384;

/** Milliseconds of a rebuild. Hostile data slows level 9 to kilobytes a second, and a download is faster then. */
export const REBUILD_MS = 15 * 60_000;

/**
 * Compressed bytes inflated in one go. Deflate makes at most 8.5 MB of them: less than a tenth of a second of work, and
 * the most that a reader has to hold if it cannot stop in between.
 */
export const PIECE_BYTES = 8 * 1024;

/** Milliseconds of reading after which other work of the process gets its turn. */
export const BUSY_MS = 50;
