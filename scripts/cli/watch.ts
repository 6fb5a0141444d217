import { print, printJson, streamLog } from '../base/log.ts';
import { tableOf } from '../probe/probe-table.ts';
import { watchSettings } from '../settings/commands/watch.ts';
import type { Given } from '../settings/read.ts';
import { endOnSignal } from '../wiring/on-signal.ts';
import { runWatch } from '../wiring/run-watch.ts';

/** `clamav-mirror watch`: checks that a published mirror is well and up to date. */
export async function watch(url: string, given: Given, json: boolean): Promise<'good' | 'failed'> {
  const settings = watchSettings(url, given);
  endOnSignal();
  const report = await runWatch(settings, streamLog(process.stderr));
  if (json) printJson(process.stdout, report);
  else print(process.stdout, tableOf(report));
  return report.verdict;
}
