import { chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { codeOf } from '../base/errors.ts';
import { FileError } from './error.ts';

/**
 * Takes the lock that `path` stands for, in a folder that only we can write to, or throws `file/busy` at once. The kernel
 * holds it (SQLite's lock on an empty file), so it is gone the moment its owner is, however it died; nobody can remove
 * another's lock, and there is nothing to clean up. Others cannot open the file: even to read is enough to hold a lock.
 * Let go with `using`.
 *
 * `held` is the same file below a folder that is held by its handle: only there is it made, so that nobody who exchanges a
 * folder on the way to `path` has it made elsewhere.
 */
export async function takeLock(path: string, what: string, held?: string): Promise<Disposable> {
  if (held === undefined) await mkdir(dirname(path), { recursive: true });
  await makeFile(held ?? path);
  let database: DatabaseSync | undefined;
  try {
    const file = pathToFileURL(resolve(path));
    file.search = '?mode=rw'; // what is gone again is not made by whatever link is there then
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE'); // no second file beside the lock
  } catch (cause) {
    database?.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) {
      throw new FileError('file/busy', `another run is using ${what}`, {
        advice: 'Wait until it has ended, then run this again',
      });
    }
    throw unlockable(path, { cause });
  }
  return { [Symbol.dispose]: () => database.close() };
}

const SQLITE_BUSY = 5;
const OURS_ALONE = 0o600;

/**
 * Makes the file at once with the rights that it is to have. One that is there is not opened: a process that closes a
 * file loses every lock that it has on it (fcntl(2)).
 */
async function makeFile(path: string): Promise<void> {
  try {
    await writeFile(path, '', { flag: 'wx', mode: OURS_ALONE });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const found = await lstat(path);
    if (!found.isFile() || found.size > 0)
      throw unlockable(path, { advice: `Nobody needs what is there: rm -r '${path}'` });
    if ((found.mode & 0o077) !== 0 && found.uid === process.getuid?.()) await chmod(path, OURS_ALONE);
  }
}

function unlockable(path: string, more: { cause?: unknown; advice?: string }): FileError {
  return new FileError('file/unreadable', `cannot lock ${path}`, more);
}
