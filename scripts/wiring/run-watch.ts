import { rm } from 'node:fs/promises';
import type { Log } from '../base/log.ts';
import { openEngines } from '../engine/open.ts';
import { makeTemporaryFolder } from '../files/private-folder.ts';
import type { Workflows } from '../notify/github/github.ts';
import { programs } from '../settings/environment.ts';
import { TALOS } from '../verify/trust.ts';
import type { WatchSettings } from '../watch/settings.ts';
import { type WatchReport, watch } from '../watch/watch.ts';

/** Watches a published mirror with real engines, in a folder that is removed afterwards. Throws `engine/missing`, `engine/broken`. */
export async function runWatch(
  settings: WatchSettings,
  log: Log,
  workflows?: Workflows,
): Promise<WatchReport> {
  const work = await makeTemporaryFolder('clamav-mirror-watch-');
  try {
    const engines = await openEngines(settings.engines, { ...programs(), work, log });
    const context = { engines, trust: TALOS, log, now: () => new Date() };
    return await watch(settings, workflows === undefined ? context : { ...context, workflows });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
