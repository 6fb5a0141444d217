import { type Log, printJson, streamLog } from '../base/log.ts';
import { type ClientReport, updateClient } from '../client/update.ts';
import { openOneEngine } from '../engine/open-one.ts';
import { type ClientSettings, clientSettings } from '../settings/commands/client.ts';
import { programs } from '../settings/commands/sync.ts';
import type { Given } from '../settings/read.ts';
import { TALOS } from '../verify/trust.ts';
import { endOnSignal } from '../wiring/cycle-context.ts';

/** `clamav-mirror client`: updates a database folder from a mirror, with its `freshclam.conf`. */
export async function client(url: string, given: Given, json: boolean): Promise<'good'> {
  const log = streamLog(process.stderr);
  const settings = clientSettings(url, given);
  endOnSignal();
  const report = await runClient(settings, log);
  if (json) printJson(process.stdout, report);
  return 'good';
}

/** Throws what `updateClient` throws, and `engine/missing`. */
export async function runClient(settings: ClientSettings, log: Log): Promise<ClientReport> {
  const report = await updateClient(settings, {
    openEngine: (work) => openOneEngine(settings.engine, { ...programs(), work, log }),
    trust: TALOS,
    log,
    now: () => new Date(),
  });
  for (const [database, version] of Object.entries(report.versions)) {
    log.info(`${database}: version ${version}, ${HOW[report.how[database] ?? 'unchanged']}`);
  }
  log.info(`${report.folder} is what ${report.url} has`);
  log.info(`the same by hand: freshclam --config-file=${report.conf}`);
  return report;
}

const HOW = {
  unchanged: 'as it was',
  cdiffs: 'updated by CDIFFs',
  whole: 'downloaded as a whole',
} as const;
