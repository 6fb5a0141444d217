import { createReadStream } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { codeOf, explain, MirrorError } from '../base/errors.ts';
import { readLogs } from './logs/read-logs.ts';
import { reportOf } from './report/report.ts';
import type { StatsTask } from './settings.ts';
import type { FromThread } from './messages.ts';
import { monitorAddresses } from './tally/monitors.ts';
import { Tally } from './tally/tally.ts';

/** File descriptor of stdin. */
const STDIN = 0;

/** Runs the thread that reads logs. */
const task: StatsTask = workerData;
const send = (message: FromThread) => parentPort?.postMessage(message);
try {
  const tally = new Tally(monitorAddresses(task.monitors), task.published);
  const source = { ...task, stdin: () => createReadStream('', { fd: STDIN, autoClose: false }) };
  send({ report: reportOf(tally, await readLogs(source, tally), task.addresses) });
} catch (error) {
  const isOurs = error instanceof MirrorError;
  const [message, advice] = isOurs ? [error.message, error.advice] : [explain(error), undefined];
  send({ failure: { code: codeOf(error), message, advice } });
}
