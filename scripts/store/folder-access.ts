import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { setRights } from '../files/atomic.ts';
import { openRegular } from '../files/open.ts';
import { trustedOwners } from '../files/trusted-owners.ts';

/** Right to enter a folder: a web server that knows the names needs no more. */
const ENTER_BY_OTHERS = 0o1;

/**
 * Describes each of these folders that a web server may be unable to enter: one that runs as another user answers 403,
 * and then freshclam stays away for a day (clamav-formats.md §0.3). A folder that is open to a group with other members
 * passes.
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
  const may = (bits: number) => (bits & ENTER_BY_OTHERS) === ENTER_BY_OTHERS;
  if (may(mode) || (may(mode >> 3) && !isOurGroup(gid))) return undefined;
  const rights = (mode & 0o777).toString(8).padStart(4, '0');
  return `others cannot enter ${path} (mode ${rights}): a web server that runs as another user answers 403 there, and clients stay away for a day; let it in: chmod o+x '${path}', or give it to a group of which the web server is: chgrp, chmod g+x`;
}

/** Right to read for the group and for all others. */
const READ_BY_OTHERS = 0o044;

/**
 * Sets these rights on our own files in a folder that others cannot read. An earlier version of this program left such
 * files under a narrow umask. Returns the number of files that it changed.
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
  return (
    found?.isFile() === true &&
    found.uid === process.getuid?.() &&
    (found.mode & READ_BY_OTHERS) !== READ_BY_OTHERS
  );
}

function ignoreMissing(error: unknown): undefined {
  if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error;
}
