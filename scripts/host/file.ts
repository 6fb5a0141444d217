import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { CvdError } from '../cvd/error.ts';
import { HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { codeOf } from '../errors.ts';

/** A file held open: whatever takes its name meanwhile, status, header and body are those of one file. */
export interface OpenFile extends AsyncDisposable {
  readonly handle: FileHandle;
  readonly stats: Stats;
  /** An HTTP date, or `undefined` where a wrong one would do harm. */
  readonly lastModified: string | undefined;
}

/**
 * Opens `name`, which `servedName` made, below `folder`. `undefined` if there is no regular file of that name:
 * symbolic links are not followed, and a fifo does not block. Throws what the file system throws if there is
 * one that cannot be read.
 */
export async function openFile(folder: string, name: string): Promise<OpenFile | undefined> {
  const handle = await openHandle(folder, name);
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat();
    if (stats.isFile()) {
      const lastModified =
        extname(name) === '.cvd' ? await knownBuildTime(handle, stats) : stats.mtime.toUTCString();
      return { handle, stats, lastModified, [Symbol.asyncDispose]: () => handle.close() };
    }
  } catch (error) {
    await handle.close();
    throw error;
  }
  await handle.close();
  return undefined;
}

async function openHandle(folder: string, name: string): Promise<FileHandle | undefined> {
  try {
    const below = dirname(name);
    if (below !== '.' && !(await lstat(join(folder, below))).isDirectory()) return undefined;
    return await open(join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (NOTHING_THERE.has(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}

/** ELOOP is a symbolic link (EMLINK on FreeBSD), ENXIO a socket. */
const NOTHING_THERE = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EMLINK', 'ENXIO']);

/** Build times by file: whatever is written into a file changes one of these numbers. */
const buildTimes = new Map<string, string | undefined>();
const BUILD_TIMES_KEPT = 100;

async function knownBuildTime(handle: FileHandle, stats: Stats): Promise<string | undefined> {
  const { dev, ino, size, mtimeMs, ctimeMs } = stats;
  const key = [dev, ino, size, mtimeMs, ctimeMs].join();
  if (buildTimes.has(key)) return buildTimes.get(key);
  const time = await buildTime(handle);
  if (buildTimes.size >= BUILD_TIMES_KEPT) buildTimes.clear();
  buildTimes.set(key, time);
  return time;
}

/**
 * A CVD's Last-Modified must not be older than its `stime`, or libcurl drops the download (clamav-formats.md §0.4),
 * and not younger, or a client that has this version is never told 304 (§6). So it is `stime`, or nothing.
 */
async function buildTime(handle: FileHandle): Promise<string | undefined> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_SIZE), 0, HEADER_SIZE, 0);
  try {
    return new Date(parseHeader(buffer.subarray(0, bytesRead)).stime * 1000).toUTCString();
  } catch (error) {
    if (error instanceof CvdError) return undefined;
    throw error;
  }
}
