import { rm } from 'node:fs/promises';
import { linkOrCopy } from '../../files/open.ts';
import type { VerifiedCld } from '../../verify/cld.ts';
import type { VerifiedCvd } from '../../verify/cvd.ts';
import { AdoptError } from './adopt-error.ts';

/**
 * What became of one file of an adopted folder. `base`: a version was rebuilt from it. `not used`: it is proven, and
 * something else failed. `foreign`: no file of ClamAV's.
 */
export type FileOutcome = 'adopted' | 'base' | 'not needed' | 'not used' | 'unproven' | 'foreign';

/** One file of an adopted folder, as `sync --json` tells of it. */
export interface AdoptedFile {
  readonly name: string;
  readonly outcome: FileOutcome;
  /** Set unless the file was used. */
  readonly reason?: string;
}

/** The whole folder, file by file. */
export interface AdoptionReport {
  readonly folder: string;
  readonly files: readonly AdoptedFile[];
}

/** A proven database of the folder, as a copy of ours. */
export type AdoptedDatabase = { readonly name: string; readonly path: string } & (
  | { readonly kind: 'cvd'; readonly verified: VerifiedCvd }
  | { readonly kind: 'cld'; readonly verified: VerifiedCld }
);

/**
 * The proven files of a folder that somebody gave a mirror to begin with, as copies of ours, and what became of every file
 * in it. The folder itself is only read.
 */
export class Adoption {
  readonly folder: string;
  readonly #files = new Map<string, AdoptedFile>();
  readonly #databases = new Map<string, AdoptedDatabase[]>();
  /** Paths of CDIFFs, by name. */
  readonly #cdiffs = new Map<string, string>();
  readonly #signs = new Map<string, Buffer>();
  readonly #taken = new Set<string>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Notes what became of a file. A file that was used stays so. */
  note(name: string, outcome: FileOutcome, reason?: string): void {
    const before = this.#files.get(name)?.outcome;
    if (before === 'adopted' || before === 'base') return;
    this.#files.set(name, { name, outcome, ...(reason !== undefined && { reason }) });
  }

  addDatabase(database: string, found: AdoptedDatabase): void {
    this.#databases.set(database, [...(this.#databases.get(database) ?? []), found]);
  }

  addCdiff(name: string, path: string): void {
    this.#cdiffs.set(name, path);
  }

  addSign(name: string, bytes: Buffer): void {
    this.#signs.set(name, bytes);
  }

  /** Takes a CVD or CDIFF out again. */
  drop(name: string): void {
    this.#cdiffs.delete(name);
    for (const [database, found] of this.#databases) {
      const others = found.filter((one) => one.name !== name);
      if (others.length > 0) this.#databases.set(database, others);
      else this.#databases.delete(database);
    }
  }

  /** Throws `adopt/nothing` if nothing of the folder is proven: whoever names one wants no whole downloads instead. */
  requireUseful(databases: readonly string[]): void {
    if (this.#databases.size > 0 || this.#cdiffs.size > 0) return;
    const why = [...this.#files.values()].find(({ outcome }) => outcome === 'unproven');
    const example = why === undefined ? '' : `; ${why.name}: ${why.reason}`;
    const what = `nothing in ${this.folder} is a proven CVD, CLD or CDIFF of ${databases.join(', ')}${example}`;
    throw new AdoptError('adopt/nothing', what, { advice: NOTHING_ADVICE });
  }

  /** Names of the proven CDIFFs and `.sign` files. */
  get smallFiles(): readonly string[] {
    return [...this.#cdiffs.keys(), ...this.#signs.keys()];
  }

  hasCdiff(name: string): boolean {
    return this.#cdiffs.has(name);
  }

  /** The proven CVD of a database. */
  cvdOf(database: string): Extract<AdoptedDatabase, { kind: 'cvd' }> | undefined {
    return this.#databases.get(database)?.find((one) => one.kind === 'cvd');
  }

  /** The newest CVD or CLD of at most this version, to rebuild a later one from. */
  baseOf(database: string, version: number): AdoptedDatabase | undefined {
    const older = this.databasesOf(database).filter(({ verified }) => verified.header.version <= version);
    return older.sort((a, b) => b.verified.header.version - a.verified.header.version)[0];
  }

  databasesOf(database: string): readonly AdoptedDatabase[] {
    return this.#databases.get(database) ?? [];
  }

  /** Puts a CVD, CLD or CDIFF at a path of the run. False if the folder has none of this name that is proven. */
  async take(name: string, to: string): Promise<boolean> {
    const databases = [...this.#databases.values()].flat();
    const path = this.#cdiffs.get(name) ?? databases.find((one) => one.name === name)?.path;
    if (path === undefined) return false;
    await rm(to, { force: true });
    await linkOrCopy(path, to);
    this.#taken.add(name);
    return true;
  }

  takeSign(name: string): Buffer | undefined {
    const bytes = this.#signs.get(name);
    if (bytes !== undefined) this.#taken.add(name);
    return bytes;
  }

  /** Names of files that the run took since it was last asked. */
  taken(): readonly string[] {
    const names = [...this.#taken];
    this.#taken.clear();
    return names;
  }

  report(): AdoptionReport {
    const files = [...this.#files.values()].sort((a, b) => a.name.localeCompare(b.name));
    return { folder: this.folder, files };
  }
}

const NOTHING_ADVICE =
  'Upstream was not asked. Name the folder that holds the databases themselves, such as ~/.cvdupdate/database or /var/lib/clamav; or leave out --adopt to take everything from upstream';
