import { isArchived, parseFileName } from '../cvd/names.ts';
import type { Published } from '../store/published.ts';

/** What freshclam and ClamAV take for a database or a step to one, by its name. */
const DATABASE_SHAPED = /^(?!local_)[A-Za-z]\w{0,31}(?:-\d{1,10})?\.(?:cvd|cld|cud|cdiff)(?:\.sign)?$/;

/**
 * Files in the store that look like databases and are no part of the mirror: clients that ask for one get it. A file that
 * the manifest has retired goes by itself, and what people made themselves is named `local_…`.
 */
export function foreignIn({ manifest, listing }: Published): string[] {
  if (manifest === undefined) return [];
  const ours = new Set([...Object.keys(manifest.files), ...manifest.retired]);
  return [...listing.keys()]
    .filter((name) => DATABASE_SHAPED.test(name) && !ours.has(name) && !isArchived(parseFileName(name)))
    .sort();
}
