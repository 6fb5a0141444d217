import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, mkdtemp, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { setRights, syncFolder } from './atomic.ts';
import { isThere } from './exists.ts';
import { FOREIGN, reasonAgainst, requireSafeWay, unsafe } from './safe-path.ts';
import { type TrustedOwners, trustedOwners } from './trusted-owners.ts';

export interface FolderOptions {
  /** Rights of a new folder, less the umask. Default: for us alone. */
  readonly mode?: number;
  /** Lets everybody look into new folders, whatever the umask. Existing folders keep their rights. */
  readonly forEverybody?: boolean;
  readonly owners?: TrustedOwners | undefined;
}

/**
 * Makes a folder, or takes an existing one, whose rights stay, if only we and root can write to it or exchange it.
 * Returns its path without links. Throws `setting/unsafe-folder` before it makes anything. `what` is the folder's name
 * for people.
 */
export async function takePrivateFolder(
  path: string,
  what: string,
  options: FolderOptions = {},
): Promise<string> {
  const owners = options.owners ?? (await trustedOwners());
  const place = await makeSafeFolder(path, what, { ...options, owners });
  await using folder = await holdFolder(place, what);
  const why = reasonAgainst(place, folder.stats, owners);
  if (why !== undefined) throw unsafe(what, place, place, folder.stats, why);
  return place;
}

/**
 * Makes a folder if it is missing, and requires that others cannot exchange it, whoever may write in it. Returns its
 * path without links. Throws `setting/unsafe-folder`.
 */
export async function makeSafeFolder(
  path: string,
  what: string,
  { mode = PRIVATE, forEverybody = false, owners }: FolderOptions = {},
): Promise<string> {
  const place = await requireSafeWay(path, what, owners);
  const missing: string[] = [];
  for (let at = place; !(await isThere(at)); at = dirname(at)) missing.unshift(at);
  for (const at of missing) {
    const isOurs = at === place && !forEverybody;
    const made = await mkdir(at, { mode: isOurs ? mode : FOR_EVERYBODY }).then(() => true, unlessThere);
    await requireSafeWay(place, what, owners); // somebody may have been faster, in a folder like /tmp
    if (made === true && forEverybody) await openToEverybody(at, what);
    await syncFolder(dirname(at));
  }
  return place;
}

/** Makes a temporary folder for us alone, with a name that nobody can guess. Throws `setting/unsafe-folder`. */
export async function makeTemporaryFolder(prefix: string): Promise<string> {
  return await mkdtemp(await requireSafeWay(join(tmpdir(), prefix), 'the folder of temporary files'));
}

/** A folder held open: its path leads to it even if something else takes its name. */
export interface HeldFolder extends AsyncDisposable {
  /** On Linux a name for the open folder, elsewhere its ordinary path. */
  readonly path: string;
  readonly stats: Stats;
  readonly handle: FileHandle;
}

/**
 * Takes a corner of a folder that others may write to: a folder of ours, for us alone. Throws `setting/unsafe-folder`,
 * for a link too.
 */
export async function takeCorner(path: string, what: string, owners?: TrustedOwners): Promise<HeldFolder> {
  await mkdir(path, { mode: PRIVATE }).catch(unlessThere);
  const corner = await holdFolder(path, what);
  try {
    requireOwned(corner.stats, path, what, owners ?? (await trustedOwners()));
    const { uid, mode } = corner.stats;
    if (uid === process.getuid?.() && (mode & OTHERS) !== 0) await corner.handle.chmod(PRIVATE); // an earlier version made it
    return corner;
  } catch (error) {
    await corner[Symbol.asyncDispose]();
    throw error;
  }
}

/** Opens a folder. Throws `setting/unsafe-folder` for a link or a file. */
export async function holdFolder(path: string, what: string): Promise<HeldFolder> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_DIRECTORY;
  const handle = await open(path, flags).catch(async (cause) => {
    if (!NO_FOLDER.includes(codeOf(cause) ?? '')) throw cause;
    throw unsafe(what, path, path, await lstat(path), 'is a link or a file');
  });
  const name = process.platform === 'linux' ? `/proc/self/fd/${handle.fd}` : path;
  return { path: name, stats: await handle.stat(), handle, [Symbol.asyncDispose]: () => handle.close() };
}

const PRIVATE = 0o700;
const OTHERS = 0o077;
/** Mode of a folder into which everybody may look, and only we may write. */
export const FOR_EVERYBODY = 0o755;
/** Error codes for a link or a file in the place of a folder. EMLINK is FreeBSD's for a link. */
const NO_FOLDER = ['ELOOP', 'ENOTDIR', 'EMLINK'];

function requireOwned(stats: Stats, path: string, what: string, { owns }: TrustedOwners): void {
  if (!owns(stats.uid)) throw unsafe(what, path, path, stats, FOREIGN);
}

async function openToEverybody(path: string, what: string): Promise<void> {
  await using folder = await holdFolder(path, what);
  if (folder.stats.uid === process.getuid?.()) await setRights(folder.handle, FOR_EVERYBODY);
}

function unlessThere(error: unknown): void {
  if (codeOf(error) !== 'EEXIST') throw error;
}
