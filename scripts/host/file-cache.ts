import type { Stats } from 'node:fs';
import { type OpenFile, openFile, statsOf } from './open-file.ts';

/** Files kept open besides those under way. */
const KEPT_FILES = 64;
/** Milliseconds after which an unused file may be closed; after twice that it is. */
const IDLE_MS = 1_000;
/** Milliseconds for which a changed file is not kept: another change might leave its times the same. */
const UNSETTLED_MS = 2_000;

/** One check of a name, for all who asked before it began. */
interface Check {
  users: number;
  readonly file: Promise<OpenFile | undefined>;
}

/**
 * Keeps the files of a folder open between requests. A request gets the file that has the name after the request came:
 * an open file is given out only if a check finds it unchanged in its place. While it is open, no other file has its
 * inode.
 */
export class OpenFiles implements Disposable {
  readonly #folder: string;
  readonly #kept = new Map<string, { readonly file: OpenFile; idle: boolean }>();
  /** Checks that have not begun, which new requests for the name may join. */
  readonly #next = new Map<string, Check>();
  readonly #running = new Map<string, Promise<unknown>>();
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** File of this name, held for the caller, who disposes of it. Returns `undefined` and throws like `openFile`. */
  take(name: string): Promise<OpenFile | undefined> {
    let check = this.#next.get(name);
    if (check === undefined) {
      check = this.#check(name);
      this.#next.set(name, check);
    }
    check.users++;
    return check.file;
  }

  /** Closes all kept files. A file under way is closed when its last user is done. */
  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#sweep);
    for (const name of this.#kept.keys()) this.#drop(name);
  }

  #check(name: string): Check {
    const begin = async (): Promise<OpenFile | undefined> => {
      this.#next.delete(name);
      this.#running.set(name, check.file);
      try {
        return await this.#find(name, check);
      } finally {
        if (!this.#next.has(name)) this.#running.delete(name);
      }
    };
    const before = this.#running.get(name) ?? Promise.resolve();
    const check: Check = { users: 0, file: before.then(begin, begin) };
    return check;
  }

  async #find(name: string, { users }: Check): Promise<OpenFile | undefined> {
    const now = await statsOf(this.#folder, name);
    const kept = this.#kept.get(name);
    if (kept !== undefined && now !== undefined && sameFile(kept.file.stats, now)) {
      kept.idle = false;
      return kept.file.hold(users);
    }
    this.#drop(name);
    const file = now?.isFile() ? await openFile(this.#folder, name) : undefined;
    if (file !== undefined) this.#keep(name, file.hold(users));
    return file;
  }

  #keep(name: string, file: OpenFile): void {
    if (this.#closed || Date.now() - file.stats.ctimeMs < UNSETTLED_MS) return;
    const oldest = this.#kept.size < KEPT_FILES ? undefined : this.#kept.keys().next().value;
    if (oldest !== undefined) this.#drop(oldest);
    this.#kept.set(name, { file: file.hold(), idle: false });
    this.#sweep ??= setTimeout(() => this.#closeIdle(), IDLE_MS).unref();
  }

  #drop(name: string): void {
    this.#kept.get(name)?.file[Symbol.dispose]();
    this.#kept.delete(name);
  }

  #closeIdle(): void {
    for (const [name, kept] of this.#kept) {
      if (kept.idle) this.#drop(name);
      kept.idle = true;
    }
    this.#sweep = this.#kept.size === 0 ? undefined : this.#sweep?.refresh();
  }
}

function sameFile(one: Stats, other: Stats): boolean {
  return (
    one.ino === other.ino &&
    one.dev === other.dev &&
    one.size === other.size &&
    one.mtimeMs === other.mtimeMs &&
    one.ctimeMs === other.ctimeMs
  );
}
