import pLimit from 'p-limit';
import { readSightings } from '../mirror/check/sightings.ts';
import { isListed, type Published } from '../mirror/published.ts';
import type { Store } from '../store/store.ts';

/** Files that are read at once. */
const READS_AT_ONCE = 4;

/**
 * Finds published files of the right size whose bytes are not those that the manifest names. A file that has not changed
 * since a cycle read it is not read again. In a store where reading is expensive, nor is one that no cycle has read yet.
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
