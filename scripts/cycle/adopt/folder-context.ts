import type { Log } from '../../base/log.ts';
import type { Trust } from '../../verify/trust.ts';

/** All that reading a folder needs. */
export interface FolderContext {
  /** The folder to read; nothing in it is ever changed. */
  readonly folder: string;
  /** A folder of this run, for the copies. */
  readonly copies: string;
  /** Folders that a run changes, which must not be the one to read. */
  readonly written: readonly string[];
  readonly databases: readonly string[];
  /** Number of CDIFFs that are kept for each database. */
  readonly window: number;
  /** Bytes of the largest CVD, CLD or CDIFF. */
  readonly maxSize: number;
  readonly trust: Trust;
  readonly log: Log;
}
