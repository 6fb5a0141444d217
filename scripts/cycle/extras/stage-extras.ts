import { writeFile } from 'node:fs/promises';
import { ExtraError } from '../../extras/error.ts';
import { copyRegular } from '../../files/open.ts';
import { Stage } from '../../files/stage.ts';
import { carryOver } from '../../mirror/carry-over.ts';
import type { Published } from '../../mirror/published.ts';
import { hashOf } from '../../proof/clients/staged.ts';
import type { StagedDatabase } from '../../proof/scenarios/scenario.ts';
import type { CycleDeps } from '../context.ts';

/** An extra as it is to be published. */
export interface WantedExtra {
  readonly name: string;
  readonly source: string;
  readonly size: number;
  readonly sha256: string;
  /** Its bytes on this machine; without, those that are published. */
  readonly from?: { readonly path: string } | { readonly text: string };
}

/** A folder with what is published of the databases, in which extras are proven. */
export interface ExtrasStage {
  readonly folder: string;
  readonly staged: ReadonlyMap<string, StagedDatabase>;
  /** Folder for clients. */
  readonly workFolder: string;
  /** Puts the bytes of an extra there, and requires that they are its own. Throws `extra/damaged`, `store/missing`. */
  put(extra: WantedExtra): Promise<void>;
}

/** Brings all whole databases into a stage, proven as if a stranger had sent them. */
export async function openExtrasStage(
  published: Published,
  { store, trust, log }: Pick<CycleDeps, 'store' | 'trust' | 'log'>,
  folder: string,
): Promise<ExtrasStage> {
  const stage = await Stage.create(folder);
  const staged = new Map<string, StagedDatabase>();
  for (const [database, { version, signatures, fLevel }] of published.databases) {
    await carryOver(database, version, { store, published, trust, stage, window: 0, log });
    staged.set(database, { version, signatures, fLevel, cdiffs: null });
  }
  return {
    folder: stage.folder,
    staged,
    workFolder: folder,
    async put({ name, size, sha256, from }) {
      const path = stage.path(name);
      if (from === undefined) await store.fetch(name, path, size);
      else if ('text' in from) await writeFile(path, from.text);
      else await copyRegular(from.path, path, { limit: size });
      if ((await hashOf(path)) === sha256) return;
      throw new ExtraError('extra/damaged', `${name} is not the file that was described`);
    },
  };
}
