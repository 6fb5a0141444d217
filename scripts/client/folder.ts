import { lstat, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { isExtraName } from '../cvd/extra-names.ts';
import { DATABASE_NAME, parseFileName } from '../cvd/names.ts';
import { takeLock } from '../files/lock.ts';
import { takeCorner, takePrivateFolder } from '../files/private-folder.ts';
import { listed } from '../probe/finding.ts';
import type { Trust } from '../verify/trust.ts';
import { ClientError } from './error.ts';
import { FolderExtras } from './folder-extras.ts';
import { provenIn } from './holdings.ts';
import { type Signed, withSigns } from './signs.ts';

/** Private corner in a client's folder. It marks the folder as ours, and holds the lock and unfinished work. */
const PRIVATE = '.clamav-client';
/** Files that freshclam keeps beside its databases, which may hold an old cool-down (clamav-formats.md §0.5). */
const NOTES = ['freshclam.dat', 'mirrors.dat'];
/** Leftovers of a freshclam that was killed: `tmp.` since 0.102, `clamav-` and an MD5 before. */
const TEMPORARY = /^(?:tmp\.|clamav-[0-9a-f]{32})/;

/** A client's database folder, taken for one run. */
export interface ClientFolder extends AsyncDisposable {
  /** Folder for unfinished work, on the same file system. It is emptied at the end. */
  readonly work: string;
  /** Proven databases that were there, by name. Everything else has been removed, but for `extras`. */
  readonly proven: ReadonlyMap<string, Signed>;
  /** Files of the mirror's that Talos did not make. Only its manifest proves them. */
  readonly extras: FolderExtras;
}

/**
 * Takes a client's folder for one run, and removes everything in it that is not proven to be Talos' own. What may be an
 * extra of the mirror is removed at the end, unless its manifest proves it. The folder may come from a cache, and ClamAV
 * obeys whatever lies there: an `.ign2`, or a CLD that lacks files, switches signatures off. Refuses a folder that holds
 * other things and was never a client's, and one that others may write to.
 * Throws `client/foreign-folder`, `setting/unsafe-folder`, `file/busy`.
 */
export async function takeClientFolder(folder: string, trust: Trust, log: Log): Promise<ClientFolder> {
  const what = `the folder ${folder}`;
  await takePrivateFolder(folder, what, { forEverybody: true }); // ClamAV may read it as any user
  await requireOurs(folder);
  const work = join(folder, PRIVATE);
  await makeCorner(work, what);
  const lockName = await lockIn(folder);
  const lock = await takeLock(join(work, lockName), what);
  const clear = async () => {
    for (const name of await readdir(work))
      if (name !== lockName) await rm(join(work, name), { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await clear();
    const extras = new FolderExtras(folder, await extrasIn(folder), log);
    const proven = await clean(folder, trust, log);
    return {
      work,
      proven,
      extras,
      async [Symbol.asyncDispose]() {
        try {
          await extras[Symbol.asyncDispose]();
          await clear();
        } finally {
          lock[Symbol.dispose]();
        }
      },
    };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

async function requireOurs(folder: string): Promise<void> {
  const names = await readdir(folder);
  const foreign = names.filter((name) => !isFreshclams(name));
  if (foreign.length === 0 || names.includes(PRIVATE)) return;
  throw new ClientError('client/foreign-folder', `${folder} holds other things: ${listed(foreign)}`, {
    advice: 'Name a folder for the databases alone: everything else in it is removed',
  });
}

async function clean(folder: string, trust: Trust, log: Log): Promise<ClientFolder['proven']> {
  const names = await readdir(folder);
  const databases = new Set(names.flatMap((name) => databaseOf(name) ?? []));
  const onDoubt = (file: string, error: Error) =>
    log.warn(`${join(folder, file)} is not used: ${error.message}`);
  const found = await provenIn(folder, [...databases], trust, onDoubt);
  const proven = await withSigns(folder, found, trust, onDoubt);
  const ours = [...proven.values()].flatMap(({ file, sign }) => [file, sign ?? file]);
  const kept = new Set([PRIVATE, ...ours, ...(await extrasIn(folder))]);
  for (const name of names.filter((name) => !kept.has(name))) {
    if (!isFreshclams(name)) log.warn(`removed ${join(folder, name)}: it is no database of the mirror`);
    await rm(join(folder, name), { recursive: true, force: true });
  }
  return proven;
}

/** Names of files in a folder that may be extras of a mirror. */
async function extrasIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { withFileTypes: true });
  return found.flatMap((entry) => (entry.isFile() && isExtraName(entry.name) ? [entry.name] : []));
}

/** True for files that some version of freshclam makes: databases, the `.sign` of a CVD, notes, unfinished work. */
function isFreshclams(name: string): boolean {
  if (databaseOf(name) !== undefined || NOTES.includes(name) || TEMPORARY.test(name)) return true;
  const file = parseFileName(name);
  return file?.kind === 'sign' && file.signs.endsWith('.cvd');
}

/** `daily` of `daily.cvd` and `daily.cld`. */
function databaseOf(name: string): string | undefined {
  const [, database = ''] = /^(.+)\.c[vl]d$/.exec(name) ?? [];
  return DATABASE_NAME.test(database) ? database : undefined;
}

/** Makes the private corner. A cache may have brought a file of that name: it is removed. */
async function makeCorner(path: string, what: string): Promise<void> {
  const found = await lstat(path).catch((error) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
  if (found?.isDirectory() === false) await rm(path);
  await using _ = await takeCorner(path, what);
}

/** Name of the lock: another one on each machine, so that no cache can bring a lock along. */
async function lockIn(folder: string): Promise<string> {
  const { dev, ino } = await lstat(join(folder, PRIVATE));
  return `lock-${dev.toString(36)}-${ino.toString(36)}`;
}
