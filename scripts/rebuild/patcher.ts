import { closeSync, openSync, readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { Rebuild } from '../cvd/rebuild.ts';
import { failureOf } from './failure.ts';
import { sendAll } from './pipe.ts';
import type { FromPatcher, ThreadData } from './threads.ts';

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
  sendAll(pipe, rebuild.tar(order));
  tell({ info: rebuild.info });
} catch (error) {
  tell(failureOf(error));
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
