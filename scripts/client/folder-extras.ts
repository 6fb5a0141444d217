import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import { chunksOf } from '../files/open.ts';
import type { Extras } from '../mirror/extras.ts';

/** Extras as a mirror names them. */
export type NamedExtras = Extras['files'];

/**
 * Extras that lie in a client's folder when a run begins. Nothing signs them, and a cache may have brought them: only a
 * manifest proves one. One of other bytes stays in its place until the mirror's replaces it, for ClamAV may read the folder
 * meanwhile. When the folder is given back, what is still unproven is removed.
 */
export class FolderExtras implements AsyncDisposable {
  readonly #folder: string;
  readonly #log: Pick<Log, 'warn'>;
  readonly #unproven: Set<string>;
  readonly #proven = new Set<string>();

  constructor(folder: string, names: readonly string[], log: Pick<Log, 'warn'>) {
    this.#folder = folder;
    this.#log = log;
    this.#unproven = new Set(names);
  }

  /** Finds those that have the bytes that a manifest names: SHA-256 by name. Removes those that it does not name. */
  async judge(named: NamedExtras): Promise<ReadonlyMap<string, string>> {
    const proven = new Map<string, string>();
    for (const name of [...this.#unproven]) {
      const record = named[name];
      if (record === undefined) {
        await this.#remove(name, 'the mirror has no such file');
      } else if ((await sha256Of(join(this.#folder, name))) === record.sha256) {
        proven.set(name, record.sha256);
        this.#proven.add(name);
        this.#unproven.delete(name);
      }
    }
    return proven;
  }

  /** Removes all but these, which are proven now. */
  async keepOnly(names: ReadonlyMap<string, unknown>): Promise<void> {
    for (const name of [...this.#unproven, ...this.#proven]) {
      if (!names.has(name)) await rm(join(this.#folder, name), { force: true });
    }
    this.#unproven.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of [...this.#unproven]) await this.#remove(name, 'nothing proves it');
  }

  async #remove(name: string, why: string): Promise<void> {
    this.#unproven.delete(name);
    await rm(join(this.#folder, name), { force: true });
    this.#log.warn(`removed ${join(this.#folder, name)}: ${why}`);
  }
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunksOf(path)) hash.update(chunk);
  return hash.digest('hex');
}
