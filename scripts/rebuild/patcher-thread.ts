import { parentPort, workerData } from 'node:worker_threads';
import { Rebuild } from '../cvd/rebuild.ts';
import { chunksOfSync } from '../files/open.ts';
import type { FromPatcher, ThreadData } from './messages.ts';
import { sendAll } from './shared-ring.ts';
import { failureOf } from './thread-error.ts';

/** The thread that inflates the old container, applies the CDIFFs and sends the new tar down the pipe. */
/** They were proven by these names, which may be links that the user gave. */
const NAMED = { follow: true };

const { task, order, pipe }: ThreadData = workerData;
const tell = (message: FromPatcher) => parentPort?.postMessage(message);
try {
  const rebuild = new Rebuild({
    database: task.database,
    old: () => chunksOfSync(task.old, NAMED),
    cdiffs: task.cdiffs.map(({ version, path }) => ({ version, bytes: chunksOfSync(path, NAMED) })),
    header: task.header,
  });
  sendAll(pipe, rebuild.tar(order));
  tell({ info: rebuild.info });
} catch (error) {
  tell(failureOf(error));
}
