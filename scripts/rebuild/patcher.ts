import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Rebuild } from '../cvd/rebuild.ts';
import { failureOf } from './failure.ts';
import { type FromPatcher, PIPE_LIMIT, type ThreadData } from './threads.ts';

/** The thread that inflates the old container, applies the CDIFFs and sends the new tar down the pipe. */
const CHUNK = 256 * 1024;

const { task, order, pipe }: ThreadData = workerData;
const tell = (message: FromPatcher) => parentPort?.postMessage(message);
try {
  const rebuild = new Rebuild({
    database: task.database,
    old: () => readFile(task.old),
    cdiffs: task.cdiffs.map(({ version, path }) => ({ version, bytes: readFile(path) })),
    header: task.header,
  });
  for (const chunk of rebuild.tar(order)) send(chunk);
  tell({ info: rebuild.info });
  pipe.port.postMessage(undefined);
} catch (error) {
  tell(failureOf(error));
}

function send(chunk: Uint8Array<ArrayBuffer>): void {
  for (let waiting = Atomics.add(pipe.waiting, 0, 1) + 1; waiting > PIPE_LIMIT; ) {
    Atomics.wait(pipe.waiting, 0, waiting);
    waiting = Atomics.load(pipe.waiting, 0);
  }
  pipe.port.postMessage(chunk, [chunk.buffer]);
}

function* readFile(path: string): Generator<Uint8Array> {
  const file = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(CHUNK);
    for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
      yield buffer.subarray(0, read);
  } finally {
    closeSync(file);
  }
}
