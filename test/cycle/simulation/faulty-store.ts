import { FileError } from '../../../scripts/files/error.ts';
import { FolderStore } from '../../../scripts/store/folder.ts';
import type { Publication } from '../../../scripts/store/store.ts';

/** What goes wrong here: nothing more works from that write on, or the disk takes no more. */
export type StoreFault = 'dies' | 'is full';

/** A folder that goes wrong at one of the writes of a publication. */
export class FaultyStore extends FolderStore {
  readonly #fault: StoreFault;
  #left: number;

  constructor(folder: string, fault: StoreFault, writes: number) {
    super(folder);
    this.#fault = fault;
    this.#left = writes;
  }

  override async begin(tag: string | undefined): Promise<Publication> {
    this.#count();
    const inner = await super.begin(tag);
    return {
      put: async (...parts) => await this.#counted(() => inner.put(...parts)),
      write: async (...parts) => await this.#counted(() => inner.write(...parts)),
      commit: async (...parts) => await this.#counted(() => inner.commit(...parts)),
      remove: async (...parts) => await this.#counted(() => inner.remove(...parts)),
      [Symbol.asyncDispose]: async () => await inner[Symbol.asyncDispose](),
    };
  }

  async #counted<T>(write: () => Promise<T>): Promise<T> {
    this.#count();
    return await write();
  }

  #count(): void {
    this.#left--;
    if (this.#fault === 'dies' && this.#left < 0) throw new Error('killed');
    if (this.#fault === 'is full' && this.#left < 0)
      throw new FileError('file/full', `${this.where} is full`);
  }
}
