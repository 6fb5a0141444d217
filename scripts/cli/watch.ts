import { rm } from 'node:fs/promises';
import { type Log, print, printJson, streamLog } from '../base/log.ts';
import { openEngines } from '../engine/open.ts';
import { makeTemporaryFolder } from '../files/private-folder.ts';
import { tableOf } from '../probe/probe-table.ts';
import { programs } from '../settings/commands/sync.ts';
import { type WatchSettings, watchSettings } from '../settings/commands/watch.ts';
import type { Given } from '../settings/read.ts';
import { TALOS } from '../verify/trust.ts';
import type { Workflows } from '../watch/schedule.ts';
import { type WatchReport, watch as watchMirror } from '../watch/watch.ts';
import { endOnSignal } from '../wiring/cycle-context.ts';

/** `clamav-mirror watch`: is the published mirror well, and kept up to date? */
export async function watch(url: string, given: Given, json: boolean): Promise<'good' | 'failed'> {
  const settings = watchSettings(url, given);
  endOnSignal();
  const report = await runWatch(settings, streamLog(process.stderr));
  if (json) printJson(process.stdout, report);
  else print(process.stdout, tableOf(report));
  return report.verdict;
}

/** Throws `engine/missing`, `engine/broken`. */
export async function runWatch(
  settings: WatchSettings,
  log: Log,
  workflows?: Workflows,
): Promise<WatchReport> {
  const work = await makeTemporaryFolder('clamav-mirror-watch-');
  try {
    const engines = await openEngines(settings.engines, { ...programs(), work, log });
    const parts = { engines, trust: TALOS, now: () => new Date() };
    return await watchMirror(settings, workflows === undefined ? parts : { ...parts, workflows });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
