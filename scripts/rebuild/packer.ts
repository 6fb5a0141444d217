import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { CvdWriter } from '../cvd/pack.ts';
import { failureOf } from './failure.ts';
import type { FromPacker, ThreadData } from './threads.ts';

/** The thread that takes the new tar from the pipe, deflates and hashes it, and writes the new CVD. */
const { task, pipe }: ThreadData = workerData;
const tell = (message: FromPacker) => parentPort?.postMessage(message);

const file = openSync(task.output, 'w');
const writer = new CvdWriter(task.header, task.gzipHeader, writeAll);
let packed = 0;

pipe.port.on('message', (chunk: Uint8Array | undefined) => {
  try {
    if (chunk === undefined) return finish();
    Atomics.sub(pipe.waiting, 0, 1);
    Atomics.notify(pipe.waiting, 0);
    writer.write(chunk);
    packed += chunk.length;
    tell({ packed });
  } catch (error) {
    tell(failureOf(error));
  }
});

function finish(): void {
  const totals = writer.end();
  fsyncSync(file);
  closeSync(file);
  pipe.port.close();
  tell({ totals });
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
