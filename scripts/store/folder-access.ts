import { lstat } from 'node:fs/promises';
import { codeOf } from '../errors.ts';
import { trustedOwners } from '../files/trusted-owners.ts';

/** Enough for a web server that is told the names. */
const ENTER = 0o1;

/**
 * Sentences on the folders among these that nobody but us can enter: a web server that runs as another user answers
 * 403, and freshclam stays away for a day (clamav-formats.md §0.3). One that is open to a group with others in it is well.
 */
export async function describeAccess(folders: readonly string[]): Promise<string[]> {
  const { isOurGroup } = await trustedOwners();
  const found = await Promise.all(folders.map(async (path) => await sentenceOn(path, isOurGroup)));
  return found.filter((sentence) => sentence !== undefined);
}

async function sentenceOn(path: string, isOurGroup: (gid: number) => boolean): Promise<string | undefined> {
  const found = await lstat(path).catch((error) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
  if (found?.isDirectory() !== true) return undefined;
  const { mode, gid } = found;
  const may = (bits: number) => (bits & ENTER) === ENTER;
  if (may(mode) || (may(mode >> 3) && !isOurGroup(gid))) return undefined;
  const rights = (mode & 0o777).toString(8).padStart(4, '0');
  return `others cannot enter ${path} (mode ${rights}): a web server that runs as another user answers 403 there, and clients stay away for a day; let it in: chmod o+x '${path}', or give it to a group of which the web server is: chgrp, chmod g+x`;
}
