/** Limits of sources of extras: addresses that settings name, and what answers there. */

/** Bytes of one extra, without a setting, and the largest setting: each is held in memory while it is checked. */
export const EXTRA_BYTES = { usual: 64 * 1024 ** 2, most: 512 * 1024 ** 2 } as const;
/** Minutes between two requests for one extra: no feed is made anew more often than every few minutes. */
export const EXTRA_MINUTES = { least: 10, usual: 60, most: 30 * 24 * 60 } as const;
/** Milliseconds for one file: without a byte, and until it is whole. A slow source may not hold up the end of a cycle. */
export const EXTRA_PATIENCE = { idle: 30_000, total: 5 * 60_000 } as const;
/** Hosts that are asked at the same time, each for one file. */
export const EXTRA_HOSTS = 2;
