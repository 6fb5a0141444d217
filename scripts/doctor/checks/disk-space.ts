import { open, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { bytes } from '../../base/log.ts';
import type { CycleSettings } from '../../cycle/settings.ts';
import { bad, badBy, type Seen } from '../finding.ts';

const MB = 1_000_000;
/** Bytes of CVDs in 2026. */
export const CVD_BYTES: Readonly<Record<string, number>> = {
  main: 85 * MB,
  daily: 22 * MB,
  bytecode: 0.3 * MB,
};
/** Of a CVD that we know nothing of, and of what is kept of its CDIFFs. */
const OTHER_CVD_BYTES = MB;
const CDIFF_BYTES = 0.08 * MB;
/** What is written for a trial. */
const TEST_BYTES = 64 * 1024;
/** In a work folder the stage, and what a client of it takes; in a store what is published, and what replaces it. */
const COPIES = 2;

/** What a run takes of a work folder at least, in bytes. */
export function roomForWork({ databases }: Pick<CycleSettings, 'databases'>): number {
  return COPIES * cvdsOf(databases);
}

/** What a mirror takes at least while it publishes, in bytes; its archive comes to that with time. */
export function roomForStore({ databases, window }: Pick<CycleSettings, 'databases' | 'window'>): number {
  return COPIES * cvdsOf(databases) + databases.length * window * CDIFF_BYTES;
}

function cvdsOf(databases: readonly string[]): number {
  return databases.reduce((sum, name) => sum + (CVD_BYTES[name] ?? OTHER_CVD_BYTES), 0);
}

/** The bytes that may still be written in a folder. Throws what keeps a file from being written there. */
export async function freeIn(folder: string): Promise<number> {
  const path = join(folder, 'trial');
  await using file = await open(path, 'wx', 0o600);
  await rm(path); // nothing of it is left, however this ends
  await file.writeFile(Buffer.alloc(TEST_BYTES, 'trial'));
  await file.sync();
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** A fault if less than `needed` is free beside what is there of it. */
export function tooLittle(path: string, free: number, needed: number, option: string): Seen | undefined {
  if (free >= needed) return undefined;
  const what = `${path} has ${bytes(free)} left, and a run may need ${bytes(needed)} more`;
  return bad(what, `Make room (df -h '${path}'), or name a folder on another disk by --${option}`);
}

/** What is wrong with a path that is to be a folder and is something else; `undefined`: nothing. */
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

/** Why nothing can be written below a path, and what to do about it. */
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
