import { parentPort, workerData } from 'node:worker_threads';
import { MatchLog } from '../cvd/deflate/match-log.ts';
import { Rebuild } from '../cvd/rebuild.ts';
import { chunksOfSync } from '../files/open.ts';
import type { FromPatcher, ThreadData } from './messages.ts';
import { sendAll } from './shared-ring.ts';
import { failureOf } from './thread-error.ts';

/** Follows links: the files were proven by the same paths, which the user may have given. */
const NAMED = { follow: true };

/** Runs the thread that inflates the old container, applies the CDIFFs and sends the new tar down the pipe. */
const { task, order, pipe, matches }: ThreadData = workerData;
const send = (message: FromPatcher) => parentPort?.postMessage(message);
try {
  const log = matches === undefined ? undefined : new MatchLog(matches);
  const rebuild = new Rebuild({
    database: task.database,
    old: () => chunksOfSync(task.old, NAMED),
    cdiffs: task.cdiffs.map(({ version, path }) => ({ version, bytes: chunksOfSync(path, NAMED) })),
    header: task.header,
    match: log === undefined ? undefined : (place, length, distance) => log.add(place, length, distance),
  });
  sendAll(pipe, rebuild.tar(order), (chunk) => rebuild.oldPlaceOf(chunk));
  send({ info: rebuild.info });
} catch (error) {
  send(failureOf(error));
}
