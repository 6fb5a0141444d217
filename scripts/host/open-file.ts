import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { CvdError } from '../cvd/error.ts';
import { HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { fileHeaders } from './file-headers.ts';

/** The first bytes of a file, kept in memory with it: more than any version check asks for. */
const START_SIZE = 4096;

/**
 * A file held open: whatever takes its name meanwhile, status, headers and body are those of one file. It stays
 * open until everybody who took it has disposed of it.
 */
export class OpenFile implements Disposable {
  readonly stats: Stats;
  /** An HTTP date, or `undefined` where a wrong one would do harm. */
  readonly lastModified: string | undefined;
  /** As `fileHeaders` has them. */
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

  /** Bytes that need not be read, as there are so few of them and they are asked for so often. */
  atHand(start: number, length: number): Buffer | undefined {
    return start + length <= this.#start.length ? this.#start.subarray(start, start + length) : undefined;
  }

  /** Fills `bytes` from `start` on. Returns how many there were: less if the file was cut short in place. */
  async read(bytes: Buffer, start: number): Promise<number> {
    return (await this.#handle.read(bytes, 0, bytes.length, start)).bytesRead;
  }

  /** Counts users, each of whom will dispose of it. */
  hold(users = 1): this {
    this.#users += users;
    return this;
  }

  [Symbol.dispose](): void {
    if (--this.#users === 0) void this.#handle.close().catch(() => {});
  }
}

/**
 * Opens `name`, which `servedName` made, below `folder`. `undefined` if there is no regular file of that name:
 * symbolic links are not followed, and a fifo does not block. Throws what the file system throws if there is
 * one that cannot be read. What is returned has no user yet.
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

/** What has this name now; `undefined` if nothing has, or if a link leads to its folder. */
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

/** ELOOP is a symbolic link (EMLINK on FreeBSD), ENXIO a socket. */
const NOTHING_THERE = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EMLINK', 'ENXIO']);

/**
 * A CVD's Last-Modified must not be older than its `stime`, or libcurl drops the download (clamav-formats.md §0.4),
 * and not younger, or a client that has this version is never told 304 (§6). So it is `stime`, or nothing.
 */
function buildTime(start: Buffer): string | undefined {
  try {
    return new Date(parseHeader(start.subarray(0, HEADER_SIZE)).stime * 1000).toUTCString();
  } catch (error) {
    if (error instanceof CvdError) return undefined;
    throw error;
  }
}
