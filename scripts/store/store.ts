import { MirrorError } from '../errors.ts';

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
  | 'store/clock';

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
  /** At most the first `length` bytes of a published file, as the store has it now. Throws `store/missing`. */
  readStart(name: string, length: number): Promise<Buffer>;
  /** Copies a published file to a path on this machine. Throws `store/missing`. */
  fetch(name: string, path: string): Promise<void>;
  /**
   * Starts the one publication that may be under way. Throws `store/busy` if another is, and `store/conflict`
   * if the manifest is no longer the one with `tag`.
   */
  begin(tag: string | undefined): Promise<Publication>;
  /** What this store can promise, and what not, in sentences; for stores that differ in that. */
  describeAbilities?(): Promise<readonly string[]>;
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
  /** Takes a file away; only after `commit`. */
  remove(name: string): Promise<void>;
}
