import pLimit from 'p-limit';
import { readSightings } from '../mirror/check/sightings.ts';
import { isListed, type Published } from '../mirror/published.ts';
import type { Store } from '../store/store.ts';

/** Files that are read at a time. */
const READS_AT_ONCE = 4;

/**
 * Published files that have the right size and other bytes than the manifest names. A file is read if it looks other than
 * when the last cycle read it; where reading is dear, one that no cycle has seen is left to the cycles.
 */
export async function brokenIn(published: Published, store: Store, work: string): Promise<string[]> {
  const { sight } = store;
  const files = Object.entries(published.manifest?.files ?? {});
  if (files.length === 0) return [];
  const known = await readSightings(work, store.where);
  const seals = await sight.seals();
  const limit = pLimit(READS_AT_ONCE);
  const found = await Promise.all(
    files.map(([name, record]) =>
      limit(async () => {
        const seal = seals.get(name);
        if (seal === undefined || !isListed(name, record, published)) return []; // missing: `damaged` has it
        const seen = known.get(name);
        if (seen?.sha256 === record.sha256 && seen.seal === seal) return [];
        if (seen === undefined && sight.isFar) return [];
        return (await sight.hash(name, record.size)) === record.sha256 ? [] : [name];
      }),
    ),
  );
  return found.flat().sort();
}
