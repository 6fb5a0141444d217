import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { CvdWriter } from '../cvd/container/writer.ts';
import { MatchLog } from '../cvd/deflate/match-log.ts';
import type { FromPacker, ThreadData } from './messages.ts';
import { receiveAll } from './shared-ring.ts';
import { failureOf } from './thread-error.ts';

/** Runs the thread that takes the new tar from the pipe, deflates and hashes it, and writes the new CVD. */
const { task, pipe, matches }: ThreadData = workerData;
const send = (message: FromPacker) => parentPort?.postMessage(message);
try {
  const file = openSync(task.output, 'w');
  const old = matches === undefined ? undefined : new MatchLog(matches);
  const writer = new CvdWriter(task.header, task.gzipHeader, (bytes) => writeAll(file, bytes), old);
  let packed = 0;
  for (const { bytes, place } of receiveAll(pipe)) {
    writer.write(bytes, place);
    packed += bytes.length;
    send({ packed });
  }
  const totals = writer.end();
  fsyncSync(file);
  closeSync(file);
  send({ totals });
} catch (error) {
  send(failureOf(error));
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
