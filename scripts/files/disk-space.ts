import { realpath, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { bytes } from '../base/words.ts';
import { FileError } from './error.ts';

/** Error codes of a full disk and of a used-up quota. */
const FULL = ['ENOSPC', 'EDQUOT'];

/**
 * Runs something that writes to `path`. A full disk becomes `file/full`, which names the place, the free bytes there
 * and the bytes that the file needs. Other errors stay as they are. `need` gives the bytes, if they are known.
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
  const folder = await realpath(dirname(path)).catch(() => dirname(path)); // the path may go through an open folder
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
