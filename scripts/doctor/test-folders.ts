import { mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { atExit } from '../engine/at-exit.ts';
import { isThere } from '../files/exists.ts';
import { makeSafeFolder, takePrivateFolder } from '../files/private-folder.ts';
import { requireSafeWay } from '../files/safe-path.ts';

/** Prefix of a test folder. The next run clears leftovers of this form from a work folder. */
const PREFIX = '.tmp-doctor-';

/**
 * Test folders in the places where a run would write. Each is made once, with the parent folders that a run would make. All
 * of them are removed at the end, however the process ends.
 */
export class TestFolders implements AsyncDisposable {
  readonly #opened = new Map<string, Promise<TestFolder>>();

  /** Opens one in the work folder. Throws what keeps a run from using it: `setting/unsafe-folder`, `EACCES`, `EROFS`. */
  async inWork(work: string): Promise<TestFolder> {
    const what = `the work folder ${work}`;
    return await this.#open(work, what, async () => await takePrivateFolder(work, what));
  }

  /** Opens one in the folder of a store. Throws what keeps a run from publishing there. */
  async inStore(store: string): Promise<TestFolder> {
    const what = `the store ${store}`;
    return await this.#open(store, what, async () => await makeSafeFolder(store, what, { mode: 0o777 }));
  }

  /** Opens one in the work folder if possible, else in the temporary folder. */
  async anywhere(work: string): Promise<TestFolder> {
    return await this.inWork(work).catch(
      async () => await this.#open(tmpdir(), 'the folder of temporary files', async () => tmpdir()),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened.values()) (await opened.catch(() => undefined))?.remove();
  }

  async #open(path: string, what: string, make: () => Promise<string>): Promise<TestFolder> {
    const opened = this.#opened.get(path) ?? openTestFolder(path, what, make);
    this.#opened.set(path, opened);
    return await opened;
  }
}

export interface TestFolder {
  readonly folder: string;
  /** True if its parent folder had to be made too. */
  readonly isNew: boolean;
  remove(): void;
}

async function openTestFolder(path: string, what: string, make: () => Promise<string>): Promise<TestFolder> {
  const made = await missingIn(await requireSafeWay(path, what));
  let folder: string | undefined;
  const removeAll = () => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    for (const parent of made) attempt(() => rmdirSync(parent));
  };
  const cancel = atExit(removeAll); // before anything is made, because the process may end halfway
  const remove = () => {
    removeAll();
    cancel();
  };
  try {
    folder = mkdtempSync(join(await make(), PREFIX));
    return { folder, isNew: made.length > 0, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Folders of a path that do not exist, deepest first. */
async function missingIn(path: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = path; !(await isThere(at)); at = dirname(at)) missing.push(at);
  return missing;
}

function attempt(act: () => void): void {
  try {
    act();
  } catch {
    // somebody uses it by now
  }
}
