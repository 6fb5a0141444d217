import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FileError } from './error.ts';

/**
 * Takes the lock that `path` stands for, or throws `file/busy` at once. The kernel holds it (SQLite's lock on an
 * empty file), so it is gone the moment its owner is, however it died; nobody can remove another's lock, and
 * there is nothing to clean up. Let go with `using`.
 */
export async function takeLock(path: string, what: string): Promise<Disposable> {
  await mkdir(dirname(path), { recursive: true });
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE'); // no second file beside the lock
  } catch (cause) {
    database?.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) {
      throw new FileError('file/busy', `another run is using ${what}`, {
        advice: 'Wait until it has ended, then run this again',
      });
    }
    throw new FileError('file/unreadable', `cannot lock ${path}`, { cause });
  }
  return { [Symbol.dispose]: () => database.close() };
}

const SQLITE_BUSY = 5;
