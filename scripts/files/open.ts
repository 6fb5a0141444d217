import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { copyFile, type FileHandle, link, lstat, open, rm } from 'node:fs/promises';
import { codeOf } from '../base/errors.ts';
import { parseJson } from '../base/json.ts';
import { withRoom } from './disk-space.ts';
import { FileError } from './error.ts';

/** Options for reading a file that somebody else may have put there. */
export interface OpenOptions {
  /** Allows a symbolic link, for a file that the user named. Default: false. */
  readonly follow?: boolean;
}

const CHUNK_SIZE = 256 * 1024;

/** A regular file, open for reading. */
export interface RegularFile extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly stats: Stats;
}

/**
 * Opens a regular file for reading. Never waits for the writer of a pipe, and follows no link by default. Throws
 * `file/not-regular`, and errors of the file system.
 */
export async function openRegular(path: string, options: OpenOptions = {}): Promise<RegularFile> {
  const handle = await open(path, flagsFor(options)).catch((cause) => {
    throw asNotRegular(path, cause);
  });
  try {
    const stats = await handle.stat();
    requireRegular(path, stats);
    return { handle, stats, [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Opens a regular file to append to it, without waiting and without following links. Throws like `openRegular`. */
export async function openToAppend(path: string): Promise<FileHandle> {
  const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOFOLLOW } = constants;
  const handle = await open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOFOLLOW).catch((cause) => {
    throw asNotRegular(path, cause);
  });
  try {
    requireRegular(path, await handle.stat());
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Content of a regular file up to its present size, even if it keeps growing. Throws like `openRegular`. */
export async function* chunksOf(path: string, options: OpenOptions = {}): AsyncGenerator<Buffer> {
  await using file = await openRegular(path, options);
  const { size } = file.stats;
  for (let at = 0; at < size; ) {
    const length = Math.min(CHUNK_SIZE, size - at);
    const { bytesRead, buffer } = await file.handle.read(Buffer.allocUnsafe(length), 0, length, at);
    if (bytesRead === 0) return; // the file was cut short
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** Content of a regular file, read synchronously. Each chunk is valid until the next one. Throws like `openRegular`. */
export function* chunksOfSync(path: string, options: OpenOptions = {}): Generator<Buffer> {
  const file = openNow(path, options);
  try {
    const stats = fstatSync(file);
    requireRegular(path, stats);
    const buffer = Buffer.allocUnsafe(CHUNK_SIZE);
    for (let at = 0; at < stats.size; ) {
      const read = readSync(file, buffer, 0, Math.min(CHUNK_SIZE, stats.size - at), at);
      if (read === 0) return;
      at += read;
      yield buffer.subarray(0, read);
    }
  } finally {
    closeSync(file);
  }
}

/** First `length` bytes of a regular file, or all of a shorter one. Throws like `openRegular`. */
export async function readStart(path: string, length: number, options: OpenOptions = {}): Promise<Buffer> {
  await using file = await openRegular(path, options);
  const bytes = Buffer.alloc(Math.min(length, file.stats.size));
  const { bytesRead } = await file.handle.read(bytes, 0, bytes.length, 0);
  return bytes.subarray(0, bytesRead);
}

/** Text of a whole regular file of at most `limit` bytes. Throws like `openRegular`, and `file/too-large`. */
export async function readText(path: string, limit: number, options: OpenOptions = {}): Promise<string> {
  const bytes = await readStart(path, limit + 1, options);
  requireSize(path, bytes.length, limit);
  return bytes.toString('utf8');
}

/** Value of a regular file of at most `limit` bytes with JSON. Throws like `readText` and `parseJson`. */
export async function readJson(path: string, limit: number): Promise<unknown> {
  return parseJson(await readText(path, limit), limit);
}

/**
 * Value of a note that a run left for the next one. What is no file, no JSON or too large is as if it were not there:
 * `undefined`. Throws errors of the file system, such as a lack of rights.
 */
export async function readNote(path: string, limit: number): Promise<unknown> {
  try {
    return await readJson(path, limit);
  } catch (error) {
    const isOdd = [FileError, SyntaxError, RangeError].some((kind) => error instanceof kind);
    if (isOdd || codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Copies a regular file of at most `limit` bytes to a path in a folder of ours. Throws like `openRegular`, and
 * `file/too-large`.
 */
export async function copyRegular(
  from: string,
  to: string,
  { limit = Number.POSITIVE_INFINITY, ...options }: OpenOptions & { readonly limit?: number } = {},
): Promise<void> {
  await using file = await openRegular(from, options);
  requireSize(from, file.stats.size, limit);
  // The kernel's name for the open file lets it share the blocks, and nobody can exchange the file.
  const { fd } = file.handle;
  const copy = () => copyFile(`${OPEN_FILES}/${fd}`, to, constants.COPYFILE_FICLONE);
  await withRoom(to, copy, async () => (await file.handle.stat()).size);
  try {
    requireSize(from, (await lstat(to)).size, limit); // it may have grown
  } catch (error) {
    await rm(to, { force: true });
    throw error;
  }
}

/**
 * Puts a file of ours under another name of ours: as a link, or as a copy where there are no links, as on exFAT and some
 * network file systems. Throws like `copyRegular`.
 */
export async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(async () => await copyRegular(from, to));
}

function requireSize(path: string, size: number, limit: number): void {
  if (size > limit) throw new FileError('file/too-large', `${path} has more than ${limit} bytes`);
}

/** Folder of this process' open files, on Linux and macOS. */
const OPEN_FILES = '/dev/fd';

function flagsFor({ follow = false }: OpenOptions): number {
  return constants.O_RDONLY | constants.O_NONBLOCK | (follow ? 0 : constants.O_NOFOLLOW);
}

function openNow(path: string, options: OpenOptions): number {
  try {
    return openSync(path, flagsFor(options));
  } catch (cause) {
    throw asNotRegular(path, cause);
  }
}

function requireRegular(path: string, stats: Stats): void {
  if (!stats.isFile()) throw notRegular(path, KINDS.find(([is]) => is(stats))?.[1] ?? 'no file');
}

const KINDS: readonly (readonly [(stats: Stats) => boolean, string])[] = [
  [(stats) => stats.isDirectory(), 'a folder'],
  [(stats) => stats.isFIFO(), 'a pipe'],
  [(stats) => stats.isCharacterDevice() || stats.isBlockDevice(), 'a device'],
];

/** Names the kind of file behind an error: ELOOP is a symbolic link (EMLINK on FreeBSD), ENXIO a socket. */
function asNotRegular(path: string, cause: unknown): unknown {
  const code = codeOf(cause);
  if (code === 'ELOOP' || code === 'EMLINK') return notRegular(path, 'a link', cause);
  return code === 'ENXIO' ? notRegular(path, 'a socket', cause) : cause;
}

function notRegular(path: string, what: string, cause?: unknown): FileError {
  return new FileError('file/not-regular', `${path} is ${what}, not a file`, {
    ...(cause === undefined ? {} : { cause }),
    advice: 'Find out who put it there, then remove it',
  });
}
