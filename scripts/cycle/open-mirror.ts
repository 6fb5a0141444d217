import { join } from 'node:path';
import type { Log } from '../base/log.ts';
import type { CvdHeader } from '../cvd/header.ts';
import { correctRecords } from '../mirror/check/corrected-records.ts';
import { inspect } from '../mirror/check/inspect.ts';
import { type Published, readPublished } from '../mirror/published.ts';
import { withValidSigns } from '../mirror/signs/valid-signs.ts';
import type { Store } from '../store/store.ts';
import type { Trust } from '../verify/trust.ts';

/** The mirror as it is published, compared with its own files. */
export interface OpenMirror {
  /** As the store's manifest has it, before anything of it was found to be wrong. */
  readonly stored: Published;
  /** Without what is broken, with what its own signed files say where the manifest is wrong. */
  readonly published: Published;
  /** Headers of the published CVDs, by database. */
  readonly headers: ReadonlyMap<string, CvdHeader>;
  /** Facts about a database that the report should tell. */
  readonly notes: ReadonlyMap<string, string>;
  /** True if `published` differs from the store's manifest. */
  readonly isMended: boolean;
  /** Files that were broken, the healed ones among them. */
  readonly broken: readonly string[];
  /** `.sign` files that are not good any more, which the next manifest retires. */
  readonly gone: readonly string[];
  /** Time at which all served files of a database were last read, by database, as far as it is known. */
  readonly hashed: ReadonlyMap<string, string>;
}

/**
 * Reads the published mirror and believes of it only what its own files confirm. Throws `store/manifest`,
 * `store/unreadable` if the store cannot be read.
 */
export async function openMirror(options: {
  readonly store: Store;
  readonly trust: Trust;
  readonly log: Log;
  readonly now: Date;
  /** Work folder, where this machine remembers which files it has read. */
  readonly work: string;
  /** A folder of this run. */
  readonly workFolder: string;
  /** True to read every byte, whatever is remembered. */
  readonly readsAll: boolean;
  readonly isDry: boolean;
  /** Sees the state of the store before anything of it is looked at. */
  readonly onStored?: (stored: Published) => Promise<void>;
}): Promise<OpenMirror> {
  const { store, trust, log, now, work, workFolder, readsAll, isDry, onStored } = options;
  const folder = join(workFolder, 'inspection');
  const stored = await readPublished(store);
  await onStored?.(stored);
  const records = await correctRecords(stored, { store, trust, folder, log, now });
  const inspection = { store, trust, work, folder, log, now, all: readsAll, isDry };
  const { published: whole, broken, hashed } = await inspect(records.published, inspection);
  const { published, gone } = await withValidSigns(whole, { store, trust, folder, log });
  const { headers, notes, isMended } = records;
  return { stored, published, headers, notes, isMended, broken, gone, hashed };
}
