/**
 * Preloaded by `node --import`: ends the process by the signal END_BY when it is about to give a file whose path holds
 * KILL_ON its name. With `abort`, as V8 does when its heap is full.
 */
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const { KILL_ON, END_BY } = process.env;

if (isMainThread && KILL_ON !== undefined) {
  const { rename } = promises;
  promises.rename = async (from, to) => {
    if (String(from).includes(KILL_ON)) {
      if (END_BY === 'abort') process.abort();
      process.kill(process.pid, END_BY);
      await new Promise(() => setInterval(() => {}, 1000)); // until the signal has come
    }
    await rename(from, to);
  };
  syncBuiltinESMExports();
}
