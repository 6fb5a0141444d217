import { printJson, runLog, streamLog } from '../base/log.ts';
import { moment } from '../base/words.ts';
import { release as releaseDatabase, rollBack } from '../cycle/rollback.ts';
import { proofTable } from '../proof/proof-table.ts';
import { releaseSettings, rollbackSettings } from '../settings/commands/rollback.ts';
import { storeSettings } from '../settings/commands/store.ts';
import { syncSettings } from '../settings/commands/sync.ts';
import { logSettings } from '../settings/log.ts';
import type { Given } from '../settings/read.ts';
import { openStore } from '../store/open.ts';
import { cycleDeps } from '../wiring/cycle-context.ts';
import { endOnSignal } from '../wiring/on-signal.ts';

/** `clamav-mirror rollback`: publishes an earlier version again and pins the database there. */
export async function rollback(given: Given, json: boolean): Promise<'good'> {
  const wanted = rollbackSettings(given);
  const settings = syncSettings(given);
  const log = runLog(process.stderr, logSettings(given));
  endOnSignal();
  const done = await rollBack(settings, wanted, await cycleDeps(settings, log));
  if (json) {
    printJson(process.stdout, done);
    return 'good';
  }
  for (const line of proofTable(done.proof).trimEnd().split('\n')) log.info(line);
  log.say(`${done.database}: version ${done.from} → ${done.to}; pinned there until it is released:`);
  log.say(`  clamav-mirror release --database ${done.database} --store ${settings.store}`);
  log.warn(`clients that already have version ${done.from} keep it: freshclam never goes back`);
  return 'good';
}

/** `clamav-mirror release`: unpins a database, so that the next cycle may update it. */
export async function release(given: Given, json: boolean): Promise<'good'> {
  const { database } = releaseSettings(given);
  const { store, s3 } = storeSettings(given);
  const log = streamLog(process.stderr);
  const deps = { store: await openStore(store, s3), log, now: () => new Date() };
  const { version, held } = await releaseDatabase(database, deps);
  if (json) printJson(process.stdout, { database, version, held });
  else
    log.info(
      `${database} was pinned at version ${version} since ${moment(held?.since ?? '')}. The next sync may update it`,
    );
  return 'good';
}
