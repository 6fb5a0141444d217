import type { Stats } from 'node:fs';
import { type OpenFile, openFile, statsOf } from './open-file.ts';

/** How many files are kept open beside those under way. */
const KEPT = 64;
/** Milliseconds after which a file that nobody asked for is closed, at the latest twice that. */
const IDLE = 1_000;
/** Milliseconds: a file changed so recently may be changed again without its times telling. */
const UNSETTLED = 2_000;

/** One look at a name, for all who asked before it began. */
interface Look {
  users: number;
  readonly file: Promise<OpenFile | undefined>;
}

/**
 * The files of a folder, kept open between requests. Each request gets what has the name after it came: a kept file
 * is given out only if a look finds it in its place, unchanged. While it is open no other file can have its inode.
 */
export class OpenFiles implements Disposable {
  readonly #folder: string;
  readonly #kept = new Map<string, { readonly file: OpenFile; idle: boolean }>();
  /** Looks that have not begun: whoever asks for the name now may join. */
  readonly #next = new Map<string, Look>();
  readonly #running = new Map<string, Promise<unknown>>();
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The file of this name, held for the caller, who disposes of it; `undefined` and errors as of `openFile`. */
  take(name: string): Promise<OpenFile | undefined> {
    let look = this.#next.get(name);
    if (look === undefined) {
      look = this.#look(name);
      this.#next.set(name, look);
    }
    look.users++;
    return look.file;
  }

  /** Closes what is kept; a file under way is closed when its last user is done. */
  [Symbol.dispose](): void {
    this.#closed = true;
    clearTimeout(this.#sweep);
    for (const name of this.#kept.keys()) this.#drop(name);
  }

  #look(name: string): Look {
    const begin = async (): Promise<OpenFile | undefined> => {
      this.#next.delete(name);
      this.#running.set(name, look.file);
      try {
        return await this.#find(name, look);
      } finally {
        if (!this.#next.has(name)) this.#running.delete(name);
      }
    };
    const before = this.#running.get(name) ?? Promise.resolve();
    const look: Look = { users: 0, file: before.then(begin, begin) };
    return look;
  }

  async #find(name: string, { users }: Look): Promise<OpenFile | undefined> {
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
    if (this.#closed || Date.now() - file.stats.ctimeMs < UNSETTLED) return;
    const oldest = this.#kept.size < KEPT ? undefined : this.#kept.keys().next().value;
    if (oldest !== undefined) this.#drop(oldest);
    this.#kept.set(name, { file: file.hold(), idle: false });
    this.#sweep ??= setTimeout(() => this.#closeIdle(), IDLE).unref();
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
