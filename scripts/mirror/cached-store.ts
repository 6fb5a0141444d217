import { Copies } from '../store/copies.ts';
import type { FileRecord } from '../store/file-record.ts';
import type { Publication, Sight, Store } from '../store/store.ts';
import { filesOfOwn } from './own-manifest.ts';

type Files = Readonly<Record<string, FileRecord>>;

/**
 * A store that is far away, with copies of its files on this machine. A copy stands for a file only if the store's own
 * manifest names that file with exactly this size and hash; all else is asked of the store itself. What the store
 * holds under the name is not looked at then: that is what the inspection is for, and `resync` and `verify` do without
 * copies.
 */
export class CachedStore implements Store {
  readonly describeAbilities?: () => Promise<readonly string[]>;
  readonly #store: Store;
  readonly #copies: Copies;
  /** Of the manifest that was read or written last. */
  #files: Files | undefined;

  constructor(store: Store, copies: string | Copies) {
    this.#store = store;
    this.#copies = typeof copies === 'string' ? new Copies(copies) : copies;
    if (store.describeAbilities !== undefined) this.describeAbilities = store.describeAbilities.bind(store);
  }

  /** Without copies, which would hide what became of the store's own files. */
  get sight(): Sight {
    return this.#store.sight;
  }

  async takeCopy(record: FileRecord, path: string): Promise<boolean> {
    return await this.#copies.take(record, path);
  }

  get where(): string {
    return this.#store.where;
  }

  async readManifest(): Promise<{ text: string; tag: string } | undefined> {
    const found = await this.#store.readManifest();
    this.#files = found && filesOfOwn(found.text, this.where);
    return found;
  }

  async list(): Promise<ReadonlyMap<string, number>> {
    return await this.#store.list();
  }

  async fetch(name: string, path: string, limit?: number): Promise<void> {
    // one that cannot be read is the caller's to complain of, not ours
    if (this.#files === undefined) await this.readManifest().catch(() => {});
    const record = Object.hasOwn(this.#files ?? {}, name) ? this.#files?.[name] : undefined;
    if (record !== undefined && (await this.#copies.take(record, path))) return;
    await this.#store.fetch(name, path, limit);
    if (record !== undefined) await this.#copies.keep(record.sha256, path);
  }

  /** Without copies: this is how a cycle notices that the store's file is another one. */
  async readStart(name: string, length: number): Promise<Buffer> {
    return await this.#store.readStart(name, length);
  }

  async begin(tag: string | undefined, options?: { anew?: boolean }): Promise<Publication> {
    const publication = await this.#store.begin(tag, options);
    const copies = this.#copies;
    const committed = (manifest: string) => {
      this.#files = filesOfOwn(manifest, this.where);
    };
    const tidy = async () => {
      if (this.#files === undefined) return;
      await copies.retain(new Set(Object.values(this.#files).map(({ sha256 }) => sha256)));
    };
    return {
      async put(name, path, options) {
        await publication.put(name, path, options);
        await copies.keep(options.sha256, path);
      },
      write: async (name, text) => await publication.write(name, text),
      async commit(manifest) {
        await publication.commit(manifest);
        committed(manifest);
      },
      remove: async (name, record) => await publication.remove(name, record),
      async [Symbol.asyncDispose]() {
        await publication[Symbol.asyncDispose]();
        await tidy();
      },
    };
  }
}
