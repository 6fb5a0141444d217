import { chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { codeOf } from '../base/errors.ts';
import { FileError } from './error.ts';

/**
 * Takes the lock at `path`, in a folder that only we can write to, or throws `file/busy` at once. The kernel holds it
 * (SQLite's lock on an empty file), so it ends with its process, however that dies. Nobody can remove another's lock,
 * and there is nothing to clean up. Other users cannot open the file, because reading alone would be enough to hold
 * the lock. Release it with `using`.
 *
 * `held` is the same file below a folder that is open. The file is made there, so nobody can have it made elsewhere by
 * exchanging a folder on the way to `path`.
 */
export async function takeLock(path: string, what: string, held?: string): Promise<Disposable> {
  if (held === undefined) await mkdir(dirname(path), { recursive: true });
  await makeFile(held ?? path);
  let database: DatabaseSync | undefined;
  try {
    const file = pathToFileURL(resolve(path));
    file.search = '?mode=rw'; // never make the file here: a link may have its name by now
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE'); // no second file beside the lock
  } catch (cause) {
    database?.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) {
      throw new FileError('file/busy', `another run is using ${what}`, {
        advice: 'Wait for it to end, then run this again',
      });
    }
    throw unlockable(path, { cause });
  }
  return { [Symbol.dispose]: () => database.close() };
}

const SQLITE_BUSY = 5;
const OURS_ALONE = 0o600;

/**
 * Makes the file with its final rights at once. Does not open an existing one: a process that closes a file loses every
 * lock that it has on it (fcntl(2)).
 */
async function makeFile(path: string): Promise<void> {
  try {
    await writeFile(path, '', { flag: 'wx', mode: OURS_ALONE });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const found = await lstat(path);
    if (!found.isFile() || found.size > 0)
      throw unlockable(path, { advice: `Remove it, nobody needs it: rm -r '${path}'` });
    if ((found.mode & 0o077) !== 0 && found.uid === process.getuid?.()) await chmod(path, OURS_ALONE);
  }
}

function unlockable(path: string, more: { cause?: unknown; advice?: string }): FileError {
  return new FileError('file/unreadable', `cannot lock ${path}`, more);
}
