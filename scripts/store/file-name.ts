import { basename } from 'node:path';
import { isArchived, parseFileName } from '../cvd/names.ts';

/** Our own corner of a store: the lock and files that have no name yet. Hosts do not serve dot files. */
export const PRIVATE_FOLDER = '.clamav-mirror';

/** Names in a store are flat, but for those of the archive. Throws a `RangeError`. */
export function requireStoreName(name: string): string {
  const isFlat = name !== '' && name === basename(name) && !name.startsWith('.');
  if (isFlat || isArchived(parseFileName(name))) return name;
  throw new RangeError(`not a name in a store: ${name}`);
}

/** Would a publication put it there? What the mirror's owner puts beside it has other names. */
export function isOurName(name: string): boolean {
  return parseFileName(name) !== undefined && !/^(archive\/)?local_/.test(name);
}
