import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { CvdError } from '../cvd/error.ts';
import { HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { fileHeaders } from './file-headers.ts';

/** Size of the start of a file that is kept in memory, more than any version check asks for. */
const START_SIZE = 4096;

/**
 * A file held open: status, headers and body come from one file, whatever takes its name meanwhile. It stays open until
 * every user has disposed of it.
 */
export class OpenFile implements Disposable {
  readonly stats: Stats;
  /** HTTP date, or `undefined` if only a wrong one is known, which would do harm. */
  readonly lastModified: string | undefined;
  /** Headers of `fileHeaders`. */
  readonly headers: Map<string, string>;
  readonly #handle: FileHandle;
  readonly #start: Buffer;
  #users = 0;

  constructor(name: string, handle: FileHandle, stats: Stats, start: Buffer) {
    this.stats = stats;
    this.lastModified = extname(name) === '.cvd' ? buildTime(start) : stats.mtime.toUTCString();
    this.headers = fileHeaders(name, stats, this.lastModified);
    this.#handle = handle;
    this.#start = start;
  }

  /** Bytes from the start in memory, which clients ask for often; `undefined` if the range goes beyond it. */
  atHand(start: number, length: number): Buffer | undefined {
    return start + length <= this.#start.length ? this.#start.subarray(start, start + length) : undefined;
  }

  /** Fills `bytes` from `start` on. Returns the number read, which is less if the file was cut short in place. */
  async read(bytes: Buffer, start: number): Promise<number> {
    return (await this.#handle.read(bytes, 0, bytes.length, start)).bytesRead;
  }

  /** Adds users, each of whom has to dispose of the file. */
  hold(users = 1): this {
    this.#users += users;
    return this;
  }

  [Symbol.dispose](): void {
    if (--this.#users === 0) void this.#handle.close().catch(() => {});
  }
}

/**
 * Opens `name`, a result of `servedName`, below `folder`. Returns `undefined` if there is no regular file of that name:
 * symbolic links are not followed, and a fifo does not block. Throws the file system's error for a file that cannot be
 * read. The file has no users yet.
 */
export async function openFile(folder: string, name: string): Promise<OpenFile | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await orNothing(open(join(folder, name), flags));
  if (handle === undefined) return undefined;
  let file: OpenFile | undefined;
  try {
    const stats = await handle.stat();
    if (stats.isFile()) {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(START_SIZE), 0, START_SIZE, 0);
      file = new OpenFile(name, handle, stats, buffer.subarray(0, bytesRead));
    }
    return file;
  } finally {
    if (file === undefined) await handle.close();
  }
}

/** Stats of the file with this name; `undefined` if there is none, or if its folder is a link. */
export async function statsOf(folder: string, name: string): Promise<Stats | undefined> {
  const below = dirname(name);
  if (below !== '.' && !(await orNothing(lstat(join(folder, below))))?.isDirectory()) return undefined;
  return await orNothing(lstat(join(folder, name)));
}

async function orNothing<T>(action: Promise<T>): Promise<T | undefined> {
  try {
    return await action;
  } catch (error) {
    if (NOTHING_THERE.has(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** Error codes for a name without a regular file. ELOOP is a symbolic link (EMLINK on FreeBSD), ENXIO a socket. */
const NOTHING_THERE = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EMLINK', 'ENXIO']);

/**
 * Last-Modified of a CVD: its `stime`, or nothing. With an earlier date libcurl drops the download (clamav-formats.md
 * §0.4). With a later one a client that has this version never gets 304 (§6).
 */
function buildTime(start: Buffer): string | undefined {
  try {
    return new Date(parseHeader(start.subarray(0, HEADER_SIZE)).stime * 1000).toUTCString();
  } catch (error) {
    if (error instanceof CvdError) return undefined;
    throw error;
  }
}
