import type { LastRun } from '../last-run.ts';
import type { Manifest } from '../store/manifest.ts';

/**
 * When each database was last held against upstream's own header; milliseconds since 1970. One that the last run was not
 * to mirror is mirrored no longer, and left out. Mirrors that do not say it of each say it of all.
 */
export function checkedAt(
  manifest: Manifest,
  lastRun: LastRun | undefined,
): { readonly database: string; readonly at: number }[] {
  return Object.entries(manifest.databases)
    .filter(([database]) => lastRun?.mirrored.includes(database) ?? true)
    .map(([database, { seen }]) => ({ database, at: Date.parse(seen?.at ?? manifest.checked) }));
}
