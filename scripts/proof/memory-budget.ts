import { availableParallelism } from 'node:os';

/**
 * Memory of a loaded database, as a multiple of the size of its CVD: main, daily and bytecode of 2025 had 235 MB and
 * took clamd 1.4 about 1 GB. A clamd that reloads holds two sets (clamd.conf, ConcurrentDatabaseReload).
 */
const MEMORY_PER_BYTE = 5;
const SETS_IN_RELOAD = 2;
/** Bytes of memory that every engine takes besides. */
const ENGINE_MEMORY = 100_000_000;
/** Share of the free memory to use; the rest is for other programs. */
const USABLE_SHARE = 0.8;

/** Number of engines that may prove CVDs of this size (bytes) at once: at least one, at most one for each core. */
export function enginesAtOnce(
  size: number,
  engines: number,
  { memory = process.availableMemory(), cores = availableParallelism() } = {},
): number {
  const affordable = Math.floor(
    (memory * USABLE_SHARE) / (ENGINE_MEMORY + size * MEMORY_PER_BYTE * SETS_IN_RELOAD),
  );
  return Math.max(1, Math.min(affordable, cores, engines));
}
