import { rm } from 'node:fs/promises';
import { makeTemporaryFolder } from '../files/private-folder.ts';
import { type Log, print, printJson, streamLog } from '../log.ts';
import { tableOf } from '../probe/table.ts';
import { openEngines } from '../proof/open-engines.ts';
import type { Given } from '../settings/read.ts';
import { type WatchSettings, watchSettings } from '../settings/watch.ts';
import { programs } from '../settings.ts';
import { TALOS } from '../verify/trust.ts';
import { type WatchReport, watch as watchMirror } from '../watch/watch.ts';
import type { Workflows } from '../watch/workflow.ts';
import { endOnSignal } from './parts.ts';

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
