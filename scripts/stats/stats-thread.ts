import { parentPort, workerData } from 'node:worker_threads';
import { codeOf, explain, MirrorError } from '../base/errors.ts';
import { readLogs } from './logs/read-logs.ts';
import type { FromThread } from './messages.ts';
import { reportOf } from './report/report.ts';
import type { StatsTask } from './settings.ts';
import { monitorAddresses } from './tally/monitors.ts';
import { Tally } from './tally/tally.ts';

/** Runs the thread that reads logs. */
const task: StatsTask = workerData;
const send = (message: FromThread) => parentPort?.postMessage(message);
try {
  const tally = new Tally(monitorAddresses(task.monitors), task.published);
  const read = await readLogs({ ...task, stdin: () => process.stdin }, tally);
  send({ report: reportOf(tally, read, task.addresses) });
} catch (error) {
  const isOurs = error instanceof MirrorError;
  const [message, advice] = isOurs ? [error.message, error.advice] : [explain(error), undefined];
  send({ failure: { code: codeOf(error), message, advice } });
}
