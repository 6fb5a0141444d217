import { open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { bytes } from '../../base/log.ts';
import type { CycleSettings } from '../../cycle/settings.ts';
import { bad, badBy, type Seen } from '../finding.ts';

const MB = 1_000_000;
/** Sizes of CVDs in 2026, in bytes. */
export const CVD_SIZES: Readonly<Record<string, number>> = {
  main: 85 * MB,
  daily: 22 * MB,
  bytecode: 0.3 * MB,
};
/** Bytes to expect of any other CVD. */
const OTHER_CVD_SIZE = MB;
const CDIFF_SIZE = 0.08 * MB;
/** Bytes of the test file. */
const TEST_FILE_SIZE = 64 * 1024;
/** Copies of each database: in a work folder the stage and its client, in a store the published one and the next. */
const COPIES = 2;

/** Bytes that a run needs in the work folder, at least. */
export function roomForWork({ databases }: Pick<CycleSettings, 'databases'>): number {
  return COPIES * cvdsOf(databases);
}

/** Bytes that a mirror needs while it publishes, at least; its archive adds to that with time. */
export function roomForStore({ databases, window }: Pick<CycleSettings, 'databases' | 'window'>): number {
  return COPIES * cvdsOf(databases) + databases.length * window * CDIFF_SIZE;
}

function cvdsOf(databases: readonly string[]): number {
  return databases.reduce((sum, name) => sum + (CVD_SIZES[name] ?? OTHER_CVD_SIZE), 0);
}

/** Bytes that can still be written in a folder. Throws what keeps a file from being written there. */
export async function freeIn(folder: string): Promise<number> {
  const path = join(folder, 'test');
  await using file = await open(path, 'wx', 0o600);
  await rm(path); // nothing of it is left, however this ends
  await file.writeFile(Buffer.alloc(TEST_FILE_SIZE, 'test'));
  await file.sync();
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Makes a fault if less than `needed` is free. */
export function tooLittle(path: string, free: number, needed: number, option: string): Seen | undefined {
  if (free >= needed) return undefined;
  const what = `${path} has ${bytes(free)} left, and a run may need ${bytes(needed)} more`;
  return bad(what, `Make room (df -h '${path}'), or name a folder on another disk by --${option}`);
}

/** Makes a fault if a path is not a folder, though it should be; `undefined` if it is one, or does not exist. */
export async function noFolder(path: string, option: string): Promise<Seen | undefined> {
  const found = await stat(path).catch((error) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    if (codeOf(error) === 'ENOTDIR') return null; // a file is on the way to it
    throw error;
  });
  if (found === undefined || found?.isDirectory()) return undefined;
  const what = found === null ? `${path} lies below a file` : `${path} is no folder`;
  return bad(what, `Name another one by --${option}, or put it out of the way: mv '${path}' '${path}.old'`);
}

/** Explains why nothing can be written below a path, and what to do about it. */
export function unwritable(error: unknown, path: string, option: string): Seen {
  const other = `or name another folder by --${option}`;
  switch (codeOf(error)) {
    case 'EROFS':
      return bad(`${path} is on a file system that is read-only`, `mount -o remount,rw its disk, ${other}`);
    case 'ENOSPC':
    case 'EDQUOT':
      return bad(
        `there is no room left at ${path}`,
        `Make room (df -h '${path}'; df -i '${path}'), ${other}`,
      );
    case 'EACCES':
    case 'EPERM': {
      const user = process.getuid?.() ?? 0;
      return bad(`user ${user} may not write at ${path}`, `chown ${user} '${path}' as root, ${other}`);
    }
    default:
      return badBy(error);
  }
}
