import type { LastRun } from '../cycle/memory/last-run.ts';
import { freshnessOf } from '../mirror/freshness.ts';
import type { Manifest } from '../mirror/manifest.ts';

/**
 * When each database was last known to be what upstream has; milliseconds since 1970. Of one that is pinned it is when upstream
 * was last asked, for it stays behind on purpose. One that is mirrored no longer, as the manifest or the last run says, is
 * left out.
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
