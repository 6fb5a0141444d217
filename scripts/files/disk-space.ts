import { realpath, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { bytes } from '../base/words.ts';
import { FileError } from './error.ts';

/** A full disk, or a quota that is used up. */
const FULL = ['ENOSPC', 'EDQUOT'];

/**
 * Runs what writes to `path`. A full disk becomes `file/full`, which says where it is full, how much is free there, and how
 * much the file needs; every other error stays what it is. `need` gives bytes, as far as they are known.
 */
export async function withRoom<T>(
  path: string,
  run: () => Promise<T>,
  need: () => Promise<number | undefined> = async () => undefined,
): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (!FULL.includes(codeOf(cause) ?? '')) throw cause;
    throw await full(path, await need().catch(() => undefined), cause);
  }
}

async function full(path: string, need: number | undefined, cause: unknown): Promise<FileError> {
  const folder = await realpath(dirname(path)).catch(() => dirname(path)); // some are held by a handle
  const free = await statfs(folder).then(
    ({ bavail, bsize }) => `, where ${bytes(bavail * bsize)} are free`,
    () => '',
  );
  const wanted = need === undefined ? '' : ` for ${bytes(need)}`;
  return new FileError('file/full', `there is no room${wanted} at ${join(folder, basename(path))}${free}`, {
    cause,
    advice: 'Make room on that disk, or name a folder on another one with --work or --store',
  });
}
