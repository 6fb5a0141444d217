import type { Log } from '../base/log.ts';
import type { ClientSettings } from '../client/settings.ts';
import { type ClientReport, updateClient } from '../client/update.ts';
import { openOneEngine } from '../engine/open-one.ts';
import { programs } from '../settings/environment.ts';
import { TALOS } from '../verify/trust.ts';

/** Updates a database folder and logs the result. Throws what `updateClient` throws, and `engine/missing`. */
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
  for (const [name, how] of Object.entries(report.extras)) log.info(`${name}: ${how}`);
  log.info(`${report.folder} has what ${report.url} serves`);
  log.info(`the same by hand: freshclam --config-file=${report.conf}`);
  return report;
}

const HOW = {
  unchanged: 'as it was',
  cdiffs: 'updated by CDIFFs',
  whole: 'downloaded as a whole',
} as const;
