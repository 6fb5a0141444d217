import type { Sight } from '../../store/store.ts';
import { isListed, type Published } from '../published.ts';
import { isItsDay } from './inspect.ts';

/**
 * Names of published extras whose bytes are gone or are others. They are few, so those of a folder are read each time, and those
 * of a bucket one day a week. With `readsAll`, all are read.
 */
export async function inspectExtras(
  published: Published,
  { sight, now, readsAll }: { readonly sight: Sight; readonly now: Date; readonly readsAll: boolean },
): Promise<ReadonlySet<string>> {
  const damaged = new Set<string>();
  for (const [name, record] of Object.entries(published.manifest?.extras?.files ?? {})) {
    const isDue = readsAll || !sight.isFar || isItsDay(name, now);
    const isThere = isListed(name, record, published);
    if (isThere && (!isDue || (await sight.hash(name, record.size)) === record.sha256)) continue;
    damaged.add(name);
  }
  return damaged;
}
