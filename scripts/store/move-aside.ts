import { lstat, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { syncFolder } from '../files/atomic.ts';
import { holdFolder } from '../files/private-folder.ts';
import { requireStoreName } from './file-name.ts';

/**
 * Folder in our private folder of a store, which nobody serves. Foreign files stay there until their owner fetches or
 * removes them.
 */
export const SET_ASIDE = 'set-aside';

/**
 * Moves files of a folder into our private folder. A file keeps its name; if that is taken, a number is added, so that
 * no file is ever lost. Files that are gone by now are skipped.
 */
export async function moveAside(
  names: readonly string[],
  { folder, corner, what }: { readonly folder: string; readonly corner: string; readonly what: string },
): Promise<void> {
  const path = join(corner, SET_ASIDE);
  await mkdir(path, { mode: 0o700 }).catch((error) => {
    if (codeOf(error) !== 'EEXIST') throw error;
  });
  await using aside = await holdFolder(path, what);
  for (const name of names) {
    const to = join(aside.path, await unused(requireStoreName(name), aside.path));
    await rename(join(folder, name), to).catch(unlessMissing);
  }
  await syncFolder(folder);
  await syncFolder(aside.path);
}

/** Finds a free name. We hold the lock, so nobody else takes it. */
async function unused(name: string, folder: string): Promise<string> {
  for (let count = 0; ; count++) {
    const candidate = count === 0 ? name : `${name}.${count}`;
    if ((await lstat(join(folder, candidate)).catch(unlessMissing)) === undefined) return candidate;
  }
}

function unlessMissing(error: unknown): undefined {
  if (codeOf(error) !== 'ENOENT') throw error;
}
