import type { Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { dirname, join, parse, resolve, sep } from 'node:path';
import { codeOf, MirrorError } from '../base/errors.ts';
import { LINKS } from '../base/limits/machine.ts';
import { type TrustedOwners, trustedOwners } from './trusted-owners.ts';

/** Error about a folder in which somebody else could exchange a file or folder that we are about to use. */
export class UnsafeFolderError extends MirrorError<'setting/unsafe-folder'> {}

/**
 * Requires that only we and root can exchange any folder on the way to a path, through all links, so a checked path
 * stays as it is. A folder that all may write to is safe if it is sticky, like /tmp, and holds a folder of ours. The
 * end of the path itself is not checked. Returns the path without links; missing folders at its end may be made.
 * Throws `setting/unsafe-folder`, which names `what`.
 */
export async function requireSafeWay(path: string, what: string, owners?: TrustedOwners): Promise<string> {
  const trusted = owners ?? (await trustedOwners());
  const { root } = parse(resolve(path));
  let rest = namesOf(resolve(path));
  let [at, folder, links] = [root, await lstat(root), 0];
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    const next = join(at, name);
    const entry = await found(next);
    const why = reasonAgainst(at, folder, trusted);
    const isKept = (folder.mode & STICKY) !== 0 && trusted.owns(folder.uid);
    if (why !== undefined && !isKept) throw unsafe(what, path, at, folder, why);
    if (why !== undefined && entry !== undefined && !trusted.owns(entry.uid))
      throw unsafe(what, path, next, entry, FOREIGN); // its owner may exchange it
    if (entry === undefined) return join(next, ...rest);
    if (entry.isSymbolicLink()) {
      if (++links > LINKS) throw unsafe(what, path, next, entry, 'leads round in circles');
      rest = [...namesOf(resolve(at, await readlink(next))), ...rest];
      [at, folder] = [root, await lstat(root)];
    } else {
      [at, folder] = [next, entry];
    }
  }
  return at;
}

/** Reason why somebody else could exchange the content of a folder, if there is one. */
export function reasonAgainst(path: string, folder: Stats, trusted: TrustedOwners): string | undefined {
  if (!trusted.owns(folder.uid)) return FOREIGN;
  if (trusted.isPodVolume(path, folder.uid)) return undefined;
  return othersMayWrite(folder, trusted.isOurGroup) ? OPEN : undefined;
}

export const FOREIGN = 'belongs to somebody else';
export const OPEN = 'can be written to by others';

/** True if somebody who is not trusted may write to a folder. */
export function othersMayWrite({ mode, gid }: Stats, isOurGroup: TrustedOwners['isOurGroup']): boolean {
  return (mode & OTHERS_WRITE) !== 0 || ((mode & GROUP_WRITE) !== 0 && !isOurGroup(gid));
}

const STICKY = 0o1000;
const GROUP_WRITE = 0o020;
const OTHERS_WRITE = 0o002;

/** Makes the error about `at`, which is on the way to `path`. */
export function unsafe(what: string, path: string, at: string, stats: Stats, why: string): UnsafeFolderError {
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  const where = at === path ? '' : `, on the way to ${path},`;
  return new UnsafeFolderError(
    'setting/unsafe-folder',
    `${what} is not safe: ${at}${where} ${why} (owner ${stats.uid}, group ${stats.gid}, mode ${mode})`,
    { advice: adviceOn(at, stats) },
  );
}

function adviceOn(at: string, { uid, mode }: Stats): string {
  const us = process.getuid?.() ?? 0;
  const isOwn = uid === 0 || uid === us;
  const instead = 'or choose another folder, whose parents only you and root can write to';
  if (isOwn && (mode & (GROUP_WRITE | OTHERS_WRITE)) !== 0 && dirname(at) !== at)
    return `If nobody else should write there: chmod go-w '${at}', ${instead}`;
  return `Run this as user ${uid}, or give it to you: chown ${us} '${at}', ${instead}`;
}

function namesOf(path: string): string[] {
  return path
    .slice(parse(path).root.length)
    .split(sep)
    .filter((name) => name !== '');
}

async function found(path: string): Promise<Stats | undefined> {
  return await lstat(path).catch((error) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
}
