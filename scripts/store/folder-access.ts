import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { setRights } from '../files/atomic.ts';
import { openRegular } from '../files/open.ts';
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
  const found = await lstat(path).catch(ignoreMissing);
  if (found?.isDirectory() !== true) return undefined;
  const { mode, gid } = found;
  const may = (bits: number) => (bits & ENTER) === ENTER;
  if (may(mode) || (may(mode >> 3) && !isOurGroup(gid))) return undefined;
  const rights = (mode & 0o777).toString(8).padStart(4, '0');
  return `others cannot enter ${path} (mode ${rights}): a web server that runs as another user answers 403 there, and clients stay away for a day; let it in: chmod o+x '${path}', or give it to a group of which the web server is: chgrp, chmod g+x`;
}

/** For its group and all others. */
const READ = 0o044;

/**
 * Gives those files in a folder these rights that are ours and that others cannot read, as an earlier version of this
 * program left them under a narrow umask. Returns how many that were.
 */
export async function openToReaders(
  folder: string,
  names: readonly string[],
  rights: number,
): Promise<number> {
  let opened = 0;
  for (const name of names) {
    const path = join(folder, name);
    if (!needsRights(await lstat(path).catch(ignoreMissing))) continue;
    await using file = await openRegular(path);
    if (!needsRights(file.stats)) continue;
    await setRights(file.handle, rights);
    opened++;
  }
  return opened;
}

function needsRights(found: Stats | undefined): boolean {
  return found?.isFile() === true && found.uid === process.getuid?.() && (found.mode & READ) !== READ;
}

function ignoreMissing(error: unknown): undefined {
  if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error;
}
