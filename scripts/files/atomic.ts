import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { withRoom } from './disk-space.ts';
import { FileError } from './error.ts';

export { FileError };

export interface ReplaceOptions {
  /** Folder on the same file system for the temporary file. Default: the folder of the file. */
  readonly temporaryFolder?: string;
  /** Mode of the file, whatever the umask. Default: 0644, less the umask. */
  readonly rights?: number;
}

/** Writes a whole file. A reader sees the old one or the new one, and a power cut leaves one of the two. */
export async function replaceFile(
  path: string,
  content: string | Uint8Array,
  options: ReplaceOptions = {},
): Promise<void> {
  const need = async () => Buffer.byteLength(content);
  await withRoom(path, () => replaceThrough(path, options, (file) => file.writeFile(content)), need);
}

/**
 * Copies a file that was proven to have this SHA-256, through `temporaryFolder`. The copy gets its name only if the
 * copied bytes still have that hash. Throws `file/changed`.
 */
export async function copyProven(
  from: string,
  to: string,
  options: ReplaceOptions & { sha256: string; mtime?: Date },
): Promise<void> {
  const copy = async (file: FileHandle, temporary: string) => {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(from, { highWaterMark: 256 * 1024 })) {
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    const found = hash.digest('hex');
    if (found !== options.sha256) {
      throw new FileError('file/changed', `${from} was proven as ${options.sha256} and is now ${found}`);
    }
    if (options.mtime !== undefined) await utimes(temporary, options.mtime, options.mtime);
  };
  const need = async () => (await stat(from)).size;
  await withRoom(to, () => replaceThrough(to, options, copy), need);
}

async function replaceThrough(
  path: string,
  { temporaryFolder = dirname(path), rights }: ReplaceOptions,
  fill: (file: FileHandle, temporary: string) => Promise<void>,
): Promise<void> {
  await mkdir(temporaryFolder, { recursive: true });
  const temporary = join(temporaryFolder, `.tmp-${randomUUID()}`);
  try {
    const file = await open(temporary, 'wx', 0o644);
    try {
      if (rights !== undefined) await setRights(file, rights);
      await fill(file, temporary);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(path));
}

/**
 * Sets the rights of an open file or folder, whatever the umask. A file system without rights keeps its own.
 */
export async function setRights(open: FileHandle, rights: number): Promise<void> {
  const { mode } = await open.stat();
  if ((mode & RIGHTS) === rights) return;
  await open.chmod((mode & SPECIAL) | rights).catch((error) => {
    if (!NO_RIGHTS.has(codeOf(error) ?? '')) throw error;
  });
}

const RIGHTS = 0o777;
/** Special bits, which stay as they are: one lets a folder hand on its group. */
const SPECIAL = 0o7000;
/** Error codes of file systems without rights, such as FAT. */
const NO_RIGHTS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']);

/** Makes the renames in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
