import { stat } from 'node:fs/promises';
import { explain } from '../base/errors.ts';
import type { Memory } from '../cycle/memory/state.ts';
import { State } from '../cycle/memory/state.ts';
import { foreignFilesIn } from '../mirror/foreign/foreign-files.ts';
import { type Published, readPublished } from '../mirror/published.ts';
import { lastChangeOf, type Status } from '../page/status.ts';
import { readHistory } from '../page/stored-history.ts';
import type { Store } from '../store/store.ts';
import { brokenIn } from './broken.ts';

/** Everything that `status` knows, before any verdict. */
export interface Facts {
  readonly now: Date;
  /** Address of the store: a path or a URL. */
  readonly where: string;
  /** False if the store is a folder that does not exist. */
  readonly isThere: boolean;
  readonly published: Published;
  /** The newest change of a database, if the mirror's history knows one. */
  readonly lastChange: Status['lastChange'];
  /** Published files of the right size whose bytes are not those that the manifest names. */
  readonly broken: readonly string[];
  /** Files that clients get although they are no part of the mirror. */
  readonly foreign: readonly string[];
  /** Memory of the runs on this machine. */
  readonly memory: Memory;
  /** Reason why that memory cannot be read. */
  readonly unknown?: string;
  /** Guarantees of the store for a publication, in words. */
  readonly promises: readonly string[];
}

/**
 * Gathers the facts, and changes nothing. Throws if the store cannot be read. Without access to the work folder, which is
 * closed to other users, all other facts are still there.
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
    lastChange: lastChangeOf(await readHistory(store, published.listing, now)),
    broken: await brokenIn(published, store, work),
    // the part of a manifest that cannot be understood may name them
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

/** Tries what the store guarantees for a publication, with a test object that is removed again. */
async function promisesOf(store: Store): Promise<readonly string[]> {
  return (
    (await store.describeAbilities?.().catch((error) => {
      return [`Its guarantees could not be tried: ${explain(error)}`]; // as for a user who may only read
    })) ?? []
  );
}

async function isAny(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
