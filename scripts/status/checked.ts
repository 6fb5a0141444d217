import type { LastRun } from '../cycle/memory/last-run.ts';
import { freshnessOf } from '../mirror/freshness.ts';
import type { Manifest } from '../mirror/manifest.ts';

/**
 * Time at which each database was last known to be upstream's newest, in milliseconds since 1970. For a pinned database,
 * which stays behind on purpose, it is the time at which upstream was last asked. A database that is not mirrored any more,
 * by the manifest or the last run, is left out.
 */
export function checkedAt(
  manifest: Manifest,
  lastRun: LastRun | undefined,
): { readonly database: string; readonly at: number }[] {
  return freshnessOf(manifest)
    .filter(({ database, left }) => left === undefined && (lastRun?.mirrored.includes(database) ?? true))
    .map(({ database, checked, seen, isHeld }) => ({
      database,
      at: Date.parse(isHeld ? (seen?.at ?? checked) : checked),
    }));
}
