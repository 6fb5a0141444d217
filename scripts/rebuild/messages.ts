import type { CvdTotals } from '../cvd/container/reader.ts';
import type { ContainerOrder } from '../cvd/container/writer.ts';
import type { MatchMemory } from '../cvd/deflate/match-log.ts';
import type { CvdErrorCode } from '../cvd/error.ts';
import type { CvdHeader } from '../cvd/header.ts';
import type { CvdInfo } from '../cvd/info.ts';
import type { Pipe } from './shared-ring.ts';

/** Sources of a rebuild: proven files, and the start of the new CVD as upstream has it. */
export interface RebuildTask {
  readonly database: string;
  /** Path of an earlier CVD. */
  readonly old: string;
  /** CDIFFs after that CVD, in order. */
  readonly cdiffs: readonly { readonly version: number; readonly path: string }[];
  /** Header of the new CVD. */
  readonly header: CvdHeader;
  /** Bytes 512 to 521 of the new CVD. */
  readonly gzipHeader: Uint8Array;
  /** Path to write the new CVD to, under a temporary name. */
  readonly output: string;
}

/** Input of both threads. */
export interface ThreadData {
  readonly task: RebuildTask;
  readonly order: ContainerOrder;
  /** Carries the new tar from the patching to the packing thread. */
  readonly pipe: Pipe;
  /** Carries the matches of the old CVD there; `undefined` if all are to be searched anew. */
  readonly matches: MatchMemory | undefined;
}

/** Messages of the patching thread. */
export type FromPatcher = { readonly info: CvdInfo } | Failure;
/** Messages of the packing thread. `packed`: bytes of the new container so far. */
export type FromPacker = { readonly packed: number } | { readonly totals: CvdTotals } | Failure;

/** An error on its way between threads. `code` belongs to a `CvdError`, `system` to the system, such as `ENOSPC`. */
export interface Failure {
  readonly failure: {
    readonly code: CvdErrorCode | undefined;
    readonly system?: string | undefined;
    readonly message: string;
  };
}
