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
  /** The address of an object store is not valid, or its region is missing or wrong. */
  | 'store/address'
  | 'store/unreachable'
  /** Credentials are missing or wrong. */
  | 'store/credentials'
  | 'store/denied'
  | 'store/no-bucket'
  | 'store/full'
  /** The smallest possible mirror is larger than --max-mirror-size allows. */
  | 'store/too-large'
  /** The mirror that is served at --restore-from cannot be brought back. */
  | 'store/restore'
  /** The clock of this machine differs too much from the store's. */
  | 'store/clock'
  /** An object in the store is larger, or the store has more objects, than any mirror needs. */
  | 'store/limit'
  /** A gateway in front of the store changes its answers. */
  | 'store/gateway'
  /** The store does not return the bytes that were sent. */
  | 'store/damaged';

/** Description of the mirror. It is replaced last, because it decides which files beside it are published. */
export const MANIFEST = 'manifest.json';

export class StoreError extends MirrorError<StoreErrorCode> {}

/**
 * Place where published files live: a folder, or an object store. A reader may come at any moment. Names are flat,
 * except in the archive and among the lists of changes.
 */
export interface Store {
  /** Path or URL, for messages. */
  readonly where: string;
  /** The manifest and a tag that changes with it, or `undefined` if nothing was ever published here. */
  readManifest(): Promise<{ readonly text: string; readonly tag: string } | undefined>;
  /** Size in bytes of every published file, by name. */
  list(): Promise<ReadonlyMap<string, number>>;
  /**
   * Names of everything at the top of the store that a web server may find, links included. Default: the names of
   * `list`.
   */
  names?(): Promise<readonly string[]>;
  /**
   * Moves foreign files out of reach of clients without losing any, and returns their new folder. Throws `store/busy`
   * and `store/conflict` as `begin` does. Absent from stores that never touch foreign files.
   */
  setAside?(names: readonly string[], tag: string | undefined): Promise<string>;
  /** Lets everybody read our own files that others cannot read. Returns the number of files that it changed. */
  openToReaders?(names: readonly string[]): Promise<number>;
  /** Reads at most the first `length` bytes of a published file from the store itself. Throws `store/missing`. */
  readStart(name: string, length: number): Promise<Buffer>;
  /**
   * Copies a published file to a path on this machine. A caller that knows the size gives it as `limit`. Throws
   * `store/missing`, and `store/limit` for more bytes than `limit`.
   */
  fetch(name: string, path: string, limit?: number): Promise<void>;
  /** View of the files in the store itself, past all copies. */
  readonly sight: Sight;
  /** Writes a copy of these bytes from elsewhere on this machine to a path. `false` if there is no copy. */
  takeCopy?(record: { readonly size: number; readonly sha256: string }, path: string): Promise<boolean>;
  /**
   * Starts a publication, of which there is only one at a time. Throws `store/busy` if another one is under way, and
   * `store/conflict` if the manifest has another tag than `tag`. With `anew`, nothing in the store is trusted: every
   * file is sent, and read back before the manifest names it.
   */
  begin(tag: string | undefined, options?: { readonly anew?: boolean }): Promise<Publication>;
  /**
   * Describes in sentences which guarantees this store gives and which it lacks. Only for stores that differ in this.
   */
  describeAbilities?(): Promise<readonly string[]>;
  /** Describes in sentences why a web server cannot read the store. Only for stores that a web server may read. */
  describeAccess?(): Promise<readonly string[]>;
}

/** View of the files in a store, to find damage. `inspect` has the rules. */
export interface Sight {
  /** Milliseconds for which a file that was read counts as undamaged while its seal is the same. */
  readonly trustedFor: number;
  /**
   * True if reading is expensive and is spread over a week. Then a file that is new to this machine is read on its day
   * of the week, not at once.
   */
  readonly isFar: boolean;
  /** Seal of every published file, by name: a text that changes when the file changes. */
  seals(): Promise<ReadonlyMap<string, string>>;
  /** SHA-256 of the bytes of a file, or `undefined` if there is no file of this size. */
  hash(name: string, size: number): Promise<string | undefined>;
}

/**
 * One publication. Files are put first, and `commit` makes them the mirror by replacing the manifest: a publication
 * that ends before it changes nothing for readers. `put` may return while a file is still being read; then `commit`
 * waits, and throws the error of that `put`. Use it with `await using`.
 */
export interface Publication extends AsyncDisposable {
  /** Copies a file into the store. Throws `file/changed` if it no longer has this hash. */
  put(name: string, path: string, options: { sha256: string; mtime?: Date }): Promise<void>;
  /** Writes a small text, such as a page. One that is there already stays as it is, and its readers need not fetch it again. */
  write(name: string, text: string): Promise<void>;
  /**
   * Replaces the manifest, under the condition that `begin` checked. Without a manifest, only what was put and written
   * takes its place.
   */
  commit(manifest?: string): Promise<void>;
  /** Removes a file, after `commit` only. With `record`, removes exactly that file and no other. */
  remove(name: string, record?: FileRecord): Promise<void>;
}
