import type { CvdTotals } from '../cvd/container/reader.ts';
import type { ContainerOrder } from '../cvd/container/writer.ts';
import type { CvdErrorCode } from '../cvd/error.ts';
import type { CvdHeader } from '../cvd/header.ts';
import type { CvdInfo } from '../cvd/info.ts';
import type { Pipe } from './shared-ring.ts';

/** What a CVD is rebuilt from: proven files, and the start of the new one as upstream has it. */
export interface RebuildTask {
  readonly database: string;
  /** Path of an earlier CVD. */
  readonly old: string;
  /** The CDIFFs after it, in order. */
  readonly cdiffs: readonly { readonly version: number; readonly path: string }[];
  /** Of the new CVD. */
  readonly header: CvdHeader;
  /** Bytes 512 to 521 of the new CVD. */
  readonly gzipHeader: Uint8Array;
  /** Where the new CVD is written; a temporary name. */
  readonly output: string;
}

/** What either thread is started with. */
export interface ThreadData {
  readonly task: RebuildTask;
  readonly order: ContainerOrder;
  /** From the patching thread to the packing one. */
  readonly pipe: Pipe;
}

/** What the threads tell. */
export type FromPatcher = { readonly info: CvdInfo } | Failure;
export type FromPacker = { readonly packed: number } | { readonly totals: CvdTotals } | Failure;

/** An error as it crosses a thread: `code` is that of a `CvdError`, `system` one of the system's, such as `ENOSPC`. */
export interface Failure {
  readonly failure: {
    readonly code: CvdErrorCode | undefined;
    readonly system?: string | undefined;
    readonly message: string;
  };
}
