import { Worker } from 'node:worker_threads';
import { STATS_HEAP_MB } from '../base/limits/requests.ts';
import { StatsError } from './error.ts';
import { STDIN } from './logs/lines.ts';
import type { FromThread } from './messages.ts';
import type { StatsReport } from './report/report.ts';
import type { StatsTask } from './settings.ts';

/** Memory of the thread. Its objects are short-lived, and without a limit V8 lets garbage grow to hundreds of MB. */
const RESOURCES = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: STATS_HEAP_MB };

/** Reads logs and reports what they hold. Throws `stats/format`, and errors of files that cannot be opened. */
export async function statsOf(task: StatsTask): Promise<StatsReport> {
  const readsStdin = task.files.includes(STDIN);
  const thread = new Worker(new URL('./stats-thread.ts', import.meta.url), {
    workerData: task,
    stdin: readsStdin,
    resourceLimits: RESOURCES,
  });
  if (readsStdin && thread.stdin !== null) process.stdin.pipe(thread.stdin.on('error', () => {})); // it has ended
  const { promise, resolve, reject } = Promise.withResolvers<FromThread>();
  thread.once('message', resolve).once('error', reject);
  thread.once('exit', () => reject(new Error('the thread that reads logs has died')));
  try {
    return reportIn(await promise);
  } finally {
    if (readsStdin) process.stdin.destroy();
    await thread.terminate();
  }
}

function reportIn(answer: FromThread): StatsReport {
  if ('report' in answer) return answer.report;
  const { code, message, advice } = answer.failure;
  if (code === 'stats/format') throw new StatsError(code, message, advice === undefined ? {} : { advice });
  throw Object.assign(new Error(message), code === undefined ? {} : { code });
}
