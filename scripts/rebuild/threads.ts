import type { MessagePort } from 'node:worker_threads';
import type { CvdTotals } from '../cvd/archive.ts';
import type { CvdErrorCode } from '../cvd/error.ts';
import type { CvdHeader } from '../cvd/header.ts';
import type { CvdInfo } from '../cvd/info.ts';
import type { ContainerOrder } from '../cvd/pack.ts';

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

/** The way of the tar from the patching thread to the packing one: `undefined` is its end. */
export interface Pipe {
  readonly port: MessagePort;
  /** How many chunks wait in the pipe. */
  readonly waiting: Int32Array<SharedArrayBuffer>;
}

/** Chunks (of 256 KiB) that may wait: the patching thread is the faster one, and must not run away. */
export const PIPE_LIMIT = 8;

/** What either thread is started with. */
export interface ThreadData {
  readonly task: RebuildTask;
  readonly order: ContainerOrder;
  readonly pipe: Pipe;
}

/** What the threads tell. */
export type FromPatcher = { readonly info: CvdInfo } | Failure;
export type FromPacker = { readonly packed: number } | { readonly totals: CvdTotals } | Failure;

/** An error as it crosses a thread: `code` is that of a `CvdError`, or `undefined` for one of the system's. */
export interface Failure {
  readonly failure: { readonly code: CvdErrorCode | undefined; readonly message: string };
}
