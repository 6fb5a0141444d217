import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { explain } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { TOOLS } from '../engine/engine.ts';
import { killPrograms } from '../files/left-programs.ts';
import { takeLock } from '../files/lock.ts';
import { takePrivateFolder } from '../files/private-folder.ts';
import { clearPartials, PARTIALS_FOLDER } from '../upstream/acquire/partials.ts';

export interface Workspace extends AsyncDisposable {
  /** For the stage and the clients that prove it; gone when the workspace is let go. */
  readonly folder: string;
}

/**
 * Takes the work folder for one run. ClamAV is told what to do by files in it, so nobody else may write there. Throws
 * `setting/unsafe-folder`, and `file/busy` if another run has it.
 */
export async function openWorkspace(work: string, log: Log): Promise<Workspace> {
  await requireWorkFolder(work);
  const lock = await takeLock(join(work, 'lock'), `the work folder ${work}`);
  try {
    await killPrograms(TOOLS, join(work, RUN_FOLDER)); // of a run that was killed, before it could end them
    await clear(work);
    await mkdir(join(work, RUN_FOLDER), { mode: 0o700 });
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
  return {
    folder: join(work, RUN_FOLDER),
    async [Symbol.asyncDispose]() {
      await clear(work).catch((error) => log.warn(`cannot clear the work folder ${work}: ${explain(error)}`));
      lock[Symbol.dispose]();
    },
  };
}

/** Makes the work folder, or takes the one that is there if it is safe. Throws `setting/unsafe-folder`. */
export async function requireWorkFolder(work: string): Promise<void> {
  await takePrivateFolder(work, `the work folder ${work}`);
}

const RUN_FOLDER = 'run';

/** Removes what a run left there, also one that was killed. */
async function clear(work: string): Promise<void> {
  for (const name of await readdir(work)) {
    if (name !== RUN_FOLDER && !name.startsWith('.tmp-')) continue;
    // a tool that was just killed may still be writing
    await rm(join(work, name), { recursive: true, force: true, maxRetries: 5 });
  }
  await clearPartials(join(work, PARTIALS_FOLDER));
}
