import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { COPIES_BYTES } from '../base/limits/store.ts';
import { chunksOf } from '../files/open.ts';
import type { FileRecord } from './file-record.ts';

/** The usual folder of copies, below the work folder. */
export const COPIES_FOLDER = 'copies';
/** Name of a copy: the SHA-256 of its content, so that no name leads anywhere else. */
export const COPY_NAME = /^[0-9a-f]{64}$/;
const CHUNK_SIZE = 256 * 1024;

/**
 * Copies of published files on this machine, by their hash. They only save transfers: a copy counts if it has the hash
 * that is asked for, and any failure means that there is no copy. Each copy is a file of its own, never a link to one
 * that somebody else may write to.
 */
export class Copies {
  readonly folder: string;
  readonly #limit: number;

  constructor(folder: string, limit = COPIES_BYTES) {
    this.folder = folder;
    this.#limit = limit;
  }

  /** Brings a copy of exactly this file to a path. `false`: there is none, and nothing is at the path. */
  async take({ size, sha256 }: FileRecord, path: string): Promise<boolean> {
    const copy = join(this.folder, sha256);
    try {
      if ((await sizeOf(copy)) === undefined) return false;
      if (await copyHashed(copy, path, { size, sha256 })) return true;
      await rm(copy, { recursive: true, force: true });
    } catch {
      // a copy that cannot be read does not count
    }
    await rm(path, { force: true });
    return false;
  }

  /** Keeps a copy of the file at a path, if it has this hash and there is room. */
  async keep(sha256: string, path: string): Promise<void> {
    const temporary = join(this.folder, `.tmp-${randomUUID()}`);
    try {
      await mkdir(this.folder, { recursive: true });
      const size = (await sizeOf(path)) ?? Number.POSITIVE_INFINITY;
      if (!(await this.#hasRoom(size, sha256))) return;
      if (await copyHashed(path, temporary, { size, sha256 }))
        await rename(temporary, join(this.folder, sha256));
    } catch {
      // without a copy, the file is fetched from the store next time
    } finally {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  /** Removes copies with other hashes, and the leftovers of a killed run. */
  async retain(hashes: ReadonlySet<string>): Promise<void> {
    for (const name of await namesIn(this.folder)) {
      const isOurs = name.startsWith('.tmp-') || COPY_NAME.test(name);
      if (!isOurs || hashes.has(name)) continue;
      await rm(join(this.folder, name), { recursive: true, force: true }).catch(() => {});
    }
  }

  /** Hash and size of every copy, sorted by hash. The hash is the name and was not checked. */
  async list(): Promise<FileRecord[]> {
    const found: FileRecord[] = [];
    for (const sha256 of (await namesIn(this.folder)).sort()) {
      if (!COPY_NAME.test(sha256)) continue;
      const size = await sizeOf(join(this.folder, sha256));
      if (size !== undefined) found.push({ sha256, size });
    }
    return found;
  }

  /**
   * True if the copies stay within their limit and this one takes at most half of the free space: the cycle needs room
   * too.
   */
  async #hasRoom(size: number, sha256: string): Promise<boolean> {
    const copies = await this.list();
    if (copies.some((copy) => copy.sha256 === sha256 && copy.size === size)) return false;
    const taken = copies.reduce((sum, copy) => sum + copy.size, 0);
    const { bavail, bsize } = await statfs(this.folder);
    return taken + size <= this.#limit && size * 2 <= bavail * bsize;
  }
}

/** Copies a regular file and hashes it on the way. `false` if it is another file; then a part of it may be at `to`. */
async function copyHashed(from: string, to: string, { size, sha256 }: FileRecord): Promise<boolean> {
  if ((await sizeOf(from)) !== size) return false;
  const hash = createHash('sha256');
  const hashed = async function* () {
    for await (const chunk of chunksOf(from)) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(hashed, createWriteStream(to, { highWaterMark: CHUNK_SIZE }));
  return hash.digest('hex') === sha256;
}

/** Size of a regular file in bytes, else `undefined`. */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isFile() === true ? found.size : undefined;
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}
