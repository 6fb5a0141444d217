import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseFileName } from '../cvd/names.ts';

/** One file of a stage: proven by signature, not yet by an engine. */
export interface StagedFile {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** 64 lowercase hex digits. */
  readonly sha256: string;
  /** ISO time at which a `.sign` ends. */
  readonly notAfter?: string | undefined;
  /** True if the store has exactly this file already. */
  readonly stored: boolean;
}

/**
 * A folder that holds the mirror exactly as it will be served. A file first waits elsewhere, and enters only through
 * `accept`, once it is proven.
 */
export class Stage {
  readonly folder: string;
  readonly #incoming: string;
  readonly #aside: string;
  readonly #files = new Map<string, StagedFile>();
  readonly #setAside = new Map<string, readonly StagedFile[]>();

  private constructor(folder: string) {
    this.folder = join(folder, 'stage');
    this.#incoming = join(folder, 'incoming');
    this.#aside = join(folder, 'aside');
  }

  /** Makes an empty stage below `folder`, and removes the leftovers of a killed run. */
  static async create(folder: string): Promise<Stage> {
    await rm(folder, { recursive: true, force: true });
    const stage = new Stage(folder);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await mkdir(stage.folder);
    await mkdir(stage.#incoming);
    await mkdir(stage.#aside);
    return stage;
  }

  get files(): ReadonlyMap<string, StagedFile> {
    return this.#files;
  }

  /** Path at which a file waits while it is unproven. */
  incoming(name: string): string {
    return join(this.#incoming, name);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  async accept(file: StagedFile): Promise<void> {
    await rename(this.incoming(file.name), this.path(file.name));
    this.#files.set(file.name, file);
  }

  /** Removes a database's files from the stage. */
  async discardDatabase(database: string): Promise<void> {
    for (const { name } of this.#filesOf(database)) {
      this.#files.delete(name);
      await rm(this.path(name));
    }
  }

  /** Moves a file back to where it waited for `accept`. */
  async takeOut(name: string): Promise<void> {
    if (this.#files.delete(name)) await rename(this.path(name), this.incoming(name));
  }

  /** Takes a database's files out, and keeps them for `putBack`. */
  async setAside(database: string): Promise<void> {
    const files = this.#filesOf(database);
    this.#setAside.set(database, files);
    for (const { name } of files) {
      this.#files.delete(name);
      await rename(this.path(name), join(this.#aside, name));
    }
  }

  /** Puts back the files that `setAside` took out. The database must have no other files in the stage. */
  async putBack(database: string): Promise<void> {
    for (const file of this.#setAside.get(database) ?? []) {
      await rename(join(this.#aside, file.name), this.path(file.name));
      this.#files.set(file.name, file);
    }
    this.#setAside.delete(database);
  }

  #filesOf(database: string): StagedFile[] {
    return [...this.#files.values()].filter(({ name }) => parseFileName(name)?.database === database);
  }
}
