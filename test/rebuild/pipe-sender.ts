import { workerData } from 'node:worker_threads';
import { type Pipe, sendAll } from '../../scripts/rebuild/shared-ring.ts';

const { pipe, lengths }: { pipe: Pipe; lengths: readonly number[] } = workerData;

let sent = 0;
sendAll(
  pipe,
  lengths.map((length) => Uint8Array.from({ length }, () => sent++ % 251)),
);
