import { Copies } from '../store/copies.ts';
import type { FileRecord } from '../store/file-record.ts';
import type { Publication, Sight, Store } from '../store/store.ts';
import { filesOfOwn } from './own-manifest.ts';

type Files = Readonly<Record<string, FileRecord>>;

/**
 * Remote store with copies of its files on this machine. A copy replaces a file only if the manifest of the store names
 * that file with the same size and hash; everything else is fetched from the store. A copy hides damage in the store:
 * so the inspection looks at the store itself, and `resync` and `verify` use no copies.
 */
export class CachedStore implements Store {
  readonly describeAbilities?: () => Promise<readonly string[]>;
  readonly #store: Store;
  readonly #copies: Copies;
  /** Files of the manifest that was last read or written. */
  #files: Files | undefined;

  constructor(store: Store, copies: string | Copies) {
    this.#store = store;
    this.#copies = typeof copies === 'string' ? new Copies(copies) : copies;
    if (store.describeAbilities !== undefined) this.describeAbilities = store.describeAbilities.bind(store);
  }

  /** View of the files in the store itself: copies would hide their damage. */
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
    // a manifest that cannot be read is reported by the caller
    if (this.#files === undefined) await this.readManifest().catch(() => {});
    const record = Object.hasOwn(this.#files ?? {}, name) ? this.#files?.[name] : undefined;
    if (record !== undefined && (await this.#copies.take(record, path))) return;
    await this.#store.fetch(name, path, limit);
    if (record !== undefined) await this.#copies.keep(record.sha256, path);
  }

  /** Reads from the store itself: a cycle notices a changed file this way. */
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
        if (manifest !== undefined) committed(manifest);
      },
      remove: async (name, record) => await publication.remove(name, record),
      async [Symbol.asyncDispose]() {
        await publication[Symbol.asyncDispose]();
        await tidy();
      },
    };
  }
}
