import { basename } from 'node:path';
import { isArchived, parseChangesName, parseFileName } from '../cvd/names.ts';

/** Private folder in a store for the lock and for files without a name yet. Hosts do not serve dot files. */
export const PRIVATE_FOLDER = '.clamav-mirror';

/** Page of the owner's own statistics. Hosts serve its folder behind a password, or not at all. */
export const LOCAL_STATS = 'local_stats/index.html';

/**
 * Requires a name that a store can have: flat, in the archive, a list of changes, or that of the owner's statistics.
 * Throws `RangeError`.
 */
export function requireStoreName(name: string): string {
  if (name === LOCAL_STATS) return name;
  const isFlat = name !== '' && name === basename(name) && !name.startsWith('.');
  if (isFlat || isArchived(parseFileName(name)) || parseChangesName(name) !== undefined) return name;
  throw new RangeError(`not a name in a store: ${name}`);
}

/** True for names that a publication uses. The owner of the mirror may put files with other names beside ours. */
export function isOurName(name: string): boolean {
  return parseFileName(name) !== undefined && !/^(archive\/)?local_/.test(name);
}
