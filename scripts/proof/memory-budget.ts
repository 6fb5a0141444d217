import { availableParallelism } from 'node:os';

/**
 * What a loaded database takes of memory, beside the size of its CVD: main, daily and bytecode of 2025 had 235 MB and
 * took clamd 1.4 about 1 GB. While it reloads it holds two (clamd.conf, ConcurrentDatabaseReload).
 */
const LOADED = 5;
const RELOADING = 2;
/** What every engine takes besides. Bytes. */
const BASE = 100_000_000;
/** Of the memory that is free; the rest is for everybody else. */
const SHARE = 0.8;

/** How many engines may prove CVDs of this size together (bytes) at once: at least one, at most one a core. */
export function enginesAtOnce(
  size: number,
  engines: number,
  { memory = process.availableMemory(), cores = availableParallelism() } = {},
): number {
  const affordable = Math.floor((memory * SHARE) / (BASE + size * LOADED * RELOADING));
  return Math.max(1, Math.min(affordable, cores, engines));
}
