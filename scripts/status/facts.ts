import { stat } from 'node:fs/promises';
import { explain } from '../base/errors.ts';
import type { Memory } from '../cycle/memory/state.ts';
import { State } from '../cycle/memory/state.ts';
import { foreignFilesIn } from '../mirror/foreign/foreign-files.ts';
import { type Published, readPublished } from '../mirror/published.ts';
import type { Store } from '../store/store.ts';
import { brokenIn } from './broken.ts';

/** Everything that `status` knows, before anything of it is judged. */
export interface Facts {
  readonly now: Date;
  /** Where the store is: a path or a URL. */
  readonly where: string;
  /** False for a folder that is not there. */
  readonly isThere: boolean;
  readonly published: Published;
  /** Published files of the right size whose bytes are not those that the manifest names. */
  readonly broken: readonly string[];
  /** Files that clients take for part of the mirror, and that are not. */
  readonly foreign: readonly string[];
  /** What the machine's own runs have written down. */
  readonly memory: Memory;
  /** Why nothing of that can be read. */
  readonly unknown?: string;
  /** What the store can promise of a publication's conditions. */
  readonly promises: readonly string[];
}

/**
 * Gathers the facts, and changes nothing. Throws if the store cannot be read. The work folder is its owner's alone: who may
 * not read it learns everything else.
 */
export async function readFacts(
  store: Store,
  { work, isFolder, now }: { readonly work: string; readonly isFolder: boolean; readonly now: Date },
): Promise<Facts> {
  const published = await readPublished(store);
  const remembered = await remember(work, now);
  return {
    now,
    where: store.where,
    isThere: !isFolder || (await isAny(store.where)),
    published,
    broken: await brokenIn(published, store, work),
    // what cannot be understood of a manifest may name them
    foreign: published.unread === undefined ? await foreignFilesIn(store, published) : [],
    promises: await promisesOf(store),
    ...remembered,
  };
}

async function remember(work: string, now: Date): Promise<Pick<Facts, 'memory' | 'unknown'>> {
  try {
    return { memory: await State.look(work, now) };
  } catch (error) {
    return { memory: { coolDowns: {}, quarantine: {} }, unknown: explain(error) };
  }
}

/** What the store keeps of a publication's conditions; it is tried with an object that is removed again. */
async function promisesOf(store: Store): Promise<readonly string[]> {
  return (
    (await store.describeAbilities?.().catch((error) => {
      return [`What it can promise could not be tried: ${explain(error)}`]; // as for one who may only read
    })) ?? []
  );
}

async function isAny(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
