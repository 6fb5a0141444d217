import { createHash } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { replaceFile } from '../files/atomic.ts';
import { FileError } from '../files/error.ts';
import { chunksOf } from '../files/open.ts';

/** A file that was brought and checked, and is not published yet. */
export interface WaitingFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** Files of the work folder that wait for their publication, so that no source is asked for one twice. */
export class WaitingFiles {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Opens the folder. What settings name no more is removed, and what a run that was killed left there. */
  static async open(work: string, names: readonly string[]): Promise<WaitingFiles> {
    const folder = join(work, 'extras');
    await ours(folder, async () => {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      for (const name of await readdir(folder))
        if (!names.includes(name)) await rm(join(folder, name), { recursive: true, force: true });
    });
    return new WaitingFiles(folder);
  }

  /** The file of this name with this hash; one with another hash is removed. */
  async take(name: string, sha256: string | undefined): Promise<WaitingFile | undefined> {
    const path = join(this.#folder, name);
    return await ours(path, async () => {
      const found = await described(path);
      if (found !== undefined && found.sha256 === sha256) return { path, ...found };
      await rm(path, { recursive: true, force: true });
      return undefined;
    });
  }

  async put(name: string, bytes: Buffer, sha256: string): Promise<WaitingFile> {
    const path = join(this.#folder, name);
    await ours(path, async () => await replaceFile(path, bytes, { rights: 0o600 }));
    return { path, size: bytes.length, sha256 };
  }
}

/** Turns an error of our own disk into a `FileError`, so that no source is blamed. */
async function ours<T>(path: string, work: () => Promise<T>): Promise<T> {
  return await work().catch((cause) => {
    if (cause instanceof FileError) throw cause;
    throw new FileError('file/unwritable', `cannot write ${path}`, {
      cause,
      advice: 'Check the free space of the disk, and the rights of the folder',
    });
  });
}

/** What is no regular file is as if it were not there. */
async function described(path: string): Promise<Omit<WaitingFile, 'path'> | undefined> {
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const chunk of chunksOf(path)) {
      hash.update(chunk);
      size += chunk.length;
    }
  } catch (error) {
    if (error instanceof FileError || codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  return { size, sha256: hash.digest('hex') };
}
