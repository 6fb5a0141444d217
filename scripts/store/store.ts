import { MirrorError } from '../base/errors.ts';
import type { FileRecord } from './file-record.ts';

export type StoreErrorCode =
  | 'store/unreadable'
  | 'store/missing'
  | 'store/manifest'
  /** A later version of this program published here. */
  | 'store/newer'
  | 'store/busy'
  | 'store/conflict'
  | 'store/failed'
  /** The address of an object store makes no sense, or its region is missing or another one. */
  | 'store/address'
  | 'store/unreachable'
  /** None are to be had, or they are wrong. */
  | 'store/credentials'
  | 'store/denied'
  | 'store/no-bucket'
  | 'store/full'
  /** What must be published takes more than --max-mirror-size allows. */
  | 'store/too-large'
  /** What is served under --restore-from cannot be brought back. */
  | 'store/restore'
  /** The clock of this machine differs too much from the store's. */
  | 'store/clock'
  /** Something in the store is larger, or of more parts, than anything that a mirror puts there. */
  | 'store/limit'
  /** What stands before the store changes what it answers. */
  | 'store/gateway'
  /** The store does not hold what was put there. */
  | 'store/damaged';

/** The description of the mirror, which makes the files beside it the mirror: it is replaced last. */
export const MANIFEST = 'manifest.json';

export class StoreError extends MirrorError<StoreErrorCode> {}

/**
 * Where published files live: a folder, or an object store. A reader may come at any moment.
 * Names are flat, but for those of the archive.
 */
export interface Store {
  /** For messages: a path or a URL. */
  readonly where: string;
  /** The manifest and a tag that changes with it, or `undefined` if nothing was ever published here. */
  readManifest(): Promise<{ readonly text: string; readonly tag: string } | undefined>;
  /** Size in bytes of every published file, by name. */
  list(): Promise<ReadonlyMap<string, number>>;
  /** Names of all that a web server may find at its top, links too; default: those of `list`. */
  names?(): Promise<readonly string[]>;
  /**
   * Takes files that are not ours out of the way of clients, without losing any: returns where they are now. Throws
   * `store/busy` and `store/conflict` like `begin`. A store that never touches what is not ours has no such thing.
   */
  setAside?(names: readonly string[], tag: string | undefined): Promise<string>;
  /** Lets everybody read those of the files that we made and others cannot read. Returns how many that were. */
  openToReaders?(names: readonly string[]): Promise<number>;
  /** At most the first `length` bytes of a published file, as the store has it now. Throws `store/missing`. */
  readStart(name: string, length: number): Promise<Buffer>;
  /**
   * Copies a published file to a path on this machine. Throws `store/missing`, and `store/limit` for more bytes than
   * `limit`: whoever knows how many there are to be says so.
   */
  fetch(name: string, path: string, limit?: number): Promise<void>;
  /** Looks at the files as the store itself has them now, whatever copies there are. */
  readonly sight: Sight;
  /** Brings the same bytes from somewhere else on this machine to a path; `false`: there are none. */
  takeCopy?(record: { readonly size: number; readonly sha256: string }, path: string): Promise<boolean>;
  /**
   * Starts the one publication that may be under way. Throws `store/busy` if another is, and `store/conflict`
   * if the manifest is no longer the one with `tag`. With `anew`, nothing that is there is believed: all that is put is
   * sent, and read back before the manifest names it.
   */
  begin(tag: string | undefined, options?: { readonly anew?: boolean }): Promise<Publication>;
  /** What this store can promise, and what not, in sentences; for stores that differ in that. */
  describeAbilities?(): Promise<readonly string[]>;
  /** What keeps a web server from reading it, in sentences; for stores that one may read. */
  describeAccess?(): Promise<readonly string[]>;
}

/** How files in a store are looked at for damage: `inspect` has the rules. */
export interface Sight {
  /** For so many milliseconds a file is believed that was read and looks as it did then. */
  readonly trustedFor: number;
  /**
   * Whether reading costs so much that it is spread: then a file that is new to us is read on one day of its week, and not
   * at once.
   */
  readonly isFar: boolean;
  /** What changes when a file changes, of every published file, by name. */
  seals(): Promise<ReadonlyMap<string, string>>;
  /** SHA-256 of a file's bytes; `undefined` if there is none of this size. */
  hash(name: string, size: number): Promise<string | undefined>;
}

/**
 * Files put one by one, then the manifest, which makes them the mirror: a reader sees nothing before `commit`, and
 * nothing at all if that is not reached. `put` may return while a file is still read: then `commit` waits for it, and
 * throws what `put` would have. Let go with `await using`.
 */
export interface Publication extends AsyncDisposable {
  /** Copies a file of this hash into the store. Throws `file/changed` if it is no longer that file. */
  put(name: string, path: string, options: { sha256: string; mtime?: Date }): Promise<void>;
  /** Writes a small text, such as a page. */
  write(name: string, text: string): Promise<void>;
  /** Replaces the manifest, under the condition that `begin` checked. */
  commit(manifest: string): Promise<void>;
  /** Takes a file away, with `record` only if it is this very file; only after `commit`. */
  remove(name: string, record?: FileRecord): Promise<void>;
}
