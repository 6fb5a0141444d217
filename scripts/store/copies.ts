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
/** How a copy is called: by the SHA-256 of its content, so that no name leads anywhere else. */
export const COPY_NAME = /^[0-9a-f]{64}$/;
const CHUNK = 256 * 1024;

/**
 * Files on this machine, by their hash. Nothing here is trusted and nothing is needed: a copy counts only if it has
 * the hash that is asked for, and whatever goes wrong means that there is no copy. Each is a file of its own, never a
 * link to one that somebody else may write to.
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
      // as if there were none
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
      // a full disk, say
    } finally {
      await rm(temporary, { force: true }).catch(() => {});
    }
  }

  /** Removes what is not among these hashes, and what a run that was killed left here. */
  async retain(hashes: ReadonlySet<string>): Promise<void> {
    for (const name of await namesIn(this.folder)) {
      const isOurs = name.startsWith('.tmp-') || COPY_NAME.test(name);
      if (!isOurs || hashes.has(name)) continue;
      await rm(join(this.folder, name), { recursive: true, force: true }).catch(() => {});
    }
  }

  /** What is here, as it calls itself, sorted. */
  async list(): Promise<FileRecord[]> {
    const found: FileRecord[] = [];
    for (const sha256 of (await namesIn(this.folder)).sort()) {
      if (!COPY_NAME.test(sha256)) continue;
      const size = await sizeOf(join(this.folder, sha256));
      if (size !== undefined) found.push({ sha256, size });
    }
    return found;
  }

  /** A copy takes at most half of what is free: the cycle needs room too. */
  async #hasRoom(size: number, sha256: string): Promise<boolean> {
    const copies = await this.list();
    if (copies.some((copy) => copy.sha256 === sha256 && copy.size === size)) return false; // it is here
    const taken = copies.reduce((sum, copy) => sum + copy.size, 0);
    const { bavail, bsize } = await statfs(this.folder);
    return taken + size <= this.#limit && size * 2 <= bavail * bsize;
  }
}

/** Copies a plain file while it is hashed. `false`, with a part of it at `to`, if it is not this one. */
async function copyHashed(from: string, to: string, { size, sha256 }: FileRecord): Promise<boolean> {
  if ((await sizeOf(from)) !== size) return false;
  const hash = createHash('sha256');
  const hashed = async function* () {
    for await (const chunk of chunksOf(from)) {
      hash.update(chunk);
      yield chunk;
    }
  };
  await pipeline(hashed, createWriteStream(to, { highWaterMark: CHUNK }));
  return hash.digest('hex') === sha256;
}

/** Of a plain file. */
async function sizeOf(path: string): Promise<number | undefined> {
  const found = await lstat(path).catch(() => undefined);
  return found?.isFile() === true ? found.size : undefined;
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch(() => []);
}
