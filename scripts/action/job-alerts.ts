import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ALERT_CACHE_MS } from '../base/limits/alerts.ts';
import { PIN_GONE } from '../engine/images/pin-gone.ts';
import { ALERTS_FILE } from '../notify/alerts/memory.ts';
import type { RunReport } from '../notify/run-report.ts';
import type { AlertSettings } from '../notify/settings.ts';
import { alertSettings } from '../settings/alerts.ts';
import { runOf } from '../settings/github.ts';
import { wantsIssues } from '../settings/notify.ts';
import { type Given, textOf } from '../settings/read.ts';
import { type AlertedRun, sendAlerts } from '../wiring/send-alerts.ts';
import type { ActionsLog } from './actions-log.ts';
import { restoreCache, saveCache } from './cache/cache.ts';

interface Job {
  readonly given: Given;
  readonly log: ActionsLog;
}

/**
 * Tells the addresses of `alert` what became of a job. The jobs of a run tell one after another and share a memory, so each
 * thing is told once. Throws `setting/invalid`.
 */
export async function alertFromJob(
  report: RunReport | undefined,
  command: AlertedRun['command'],
  { given, log }: Job,
  { results = {}, decides = false }: { results?: NonNullable<AlertedRun['results']>; decides?: boolean } = {},
): Promise<void> {
  const settings = alertSettings(given);
  if (settings === undefined) return;
  const run = runOf(given.environment);
  const earlier = command === 'notify' || wantsIssues(given) ? await recordOf(given) : undefined;
  await withMemory(settings, { given, log }, async (remembering) => {
    await sendAlerts(report, remembering, {
      results,
      command,
      log,
      ...(earlier !== undefined && { earlier }),
      ...(run !== undefined && { name: run.name, url: run.url }),
      undecided: decides ? [] : [PIN_GONE], // the first job of the workflow looks for pinned images, and `notify` tells
    });
  });
}

/** GitHub's record of earlier runs; `undefined` if it does not say. */
async function recordOf({ environment }: Given): Promise<AlertedRun['earlier']> {
  try {
    const { notifySettings } = await import('../settings/github.ts');
    const { openGitHub } = await import('../notify/github/github.ts');
    const { earlierRuns } = await import('../notify/github/earlier-runs.ts');
    const { github, run } = notifySettings(environment);
    return await earlierRuns(openGitHub(github), run);
  } catch {
    return undefined;
  }
}

/** Keeps the memory in the repository's cache, if no setting names a file for it: each job begins on another machine. */
async function withMemory(
  settings: AlertSettings,
  { given, log }: Job,
  tell: (settings: AlertSettings) => Promise<void>,
): Promise<void> {
  const { environment } = given;
  if (textOf('alert-state', given) !== undefined || environment.CLAMAV_MIRROR_CACHE === 'false')
    return await tell(settings);
  const work = resolve(environment.RUNNER_TEMP || tmpdir(), 'clamav-mirror', 'alerts');
  const cache = { store: `alerts of ${settings.mirror}`, databases: [], work, patience: ALERT_CACHE_MS };
  const restored = await restoreCache(cache, environment);
  if (restored.outcome === 'unavailable') return await tell(settings);
  await tell({ ...settings, memory: join(work, ALERTS_FILE) });
  const saved = await saveCache(cache, environment, restored);
  log.info(`cache of alerts: ${restored.outcome}, ${saved.outcome}`);
}
