import { rmdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { atExit } from '../engine/at-exit.ts';
import { isThere } from '../files/exists.ts';
import { makeSafeFolder, makeTemporaryFolder, takePrivateFolder } from '../files/private-folder.ts';
import { requireSafeWay } from '../files/safe-path.ts';

/** Prefix of a test folder. The next run clears leftovers of this form from a work folder. */
const PREFIX = '.tmp-doctor-';

/**
 * Test folders in the places where a run would write. Each is made once, with the parent folders that a run would make. All
 * of them are removed at the end, however the process ends.
 */
export class Trials implements AsyncDisposable {
  readonly #opened = new Map<string, Promise<Trial>>();

  /** Opens one in the work folder. Throws what keeps a run from using it: `setting/unsafe-folder`, `EACCES`, `EROFS`. */
  async inWork(work: string): Promise<Trial> {
    const what = `the work folder ${work}`;
    return await this.#open(work, what, async () => await takePrivateFolder(work, what));
  }

  /** Opens one in the folder of a store. Throws what keeps a run from publishing there. */
  async inStore(store: string): Promise<Trial> {
    const what = `the store ${store}`;
    return await this.#open(store, what, async () => await makeSafeFolder(store, what, { mode: 0o777 }));
  }

  /** Opens one in the work folder if possible, else in the temporary folder. */
  async anywhere(work: string): Promise<Trial> {
    return await this.inWork(work).catch(async () => {
      const made =
        this.#opened.get('') ??
        makeTemporaryFolder('clamav-mirror-doctor-').then((folder) => trialOf(folder, []));
      this.#opened.set('', made);
      return await made;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened.values()) await (await opened.catch(() => undefined))?.remove();
  }

  async #open(path: string, what: string, make: () => Promise<string>): Promise<Trial> {
    const opened = this.#opened.get(path) ?? openTrial(path, what, make);
    this.#opened.set(path, opened);
    return await opened;
  }
}

export interface Trial {
  readonly folder: string;
  /** True if its parent folder had to be made too. */
  readonly isNew: boolean;
  remove(): Promise<void>;
}

async function openTrial(path: string, what: string, make: () => Promise<string>): Promise<Trial> {
  const missing = await missingIn(await requireSafeWay(path, what));
  try {
    return trialOf(await mkdtemp(join(await make(), PREFIX)), missing);
  } catch (error) {
    for (const folder of missing) await rmdir(folder).catch(() => {});
    throw error;
  }
}

/** Makes a test folder removable. `made`: folders to remove too, deepest first, unless somebody uses them by then. */
function trialOf(folder: string, made: readonly string[]): Trial {
  const cancel = atExit(() => {
    rmSync(folder, { recursive: true, force: true });
    for (const one of made) attempt(() => rmdirSync(one));
  });
  return {
    folder,
    isNew: made.length > 0,
    async remove() {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      for (const one of made) await rmdir(one).catch(() => {});
      cancel();
    },
  };
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
