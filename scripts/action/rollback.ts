import { moment } from '../base/words.ts';
import { release as releaseDatabase, rollBack } from '../cycle/rollback.ts';
import { manifestOf } from '../mirror/published.ts';
import { servingOf } from '../notify/cycle-failures.ts';
import { plain } from '../notify/escape.ts';
import { releaseSettings, rollbackSettings } from '../settings/commands/rollback.ts';
import { syncSettings } from '../settings/commands/sync.ts';
import { together } from '../settings/read.ts';
import { cycleDeps } from '../wiring/cycle-context.ts';
import type { Prepare } from './action-command.ts';
import { publishedOutputs } from './published-outputs.ts';

/** Publishes an earlier version again and pins the database there. */
export const rollback: Prepare = (given) => {
  const { wanted, settings } = together({
    wanted: () => rollbackSettings(given),
    settings: () => syncSettings(given),
  });
  return async ({ log, now }) => {
    const deps = await cycleDeps(settings, log);
    const { database, from, to } = await rollBack(settings, wanted, deps);
    const manifest = await manifestOf(deps.store);
    const what = `${database}: version ${from} → ${to}, pinned there until it is released`;
    log.info(what);
    log.warn(`clients that already have version ${from} keep it: freshclam never goes back`);
    return {
      verdict: 'good',
      outputs: { outcome: 'published', changed: database, ...publishedOutputs(manifest, settings.publicUrl) },
      summary: `## ↩️ Rolled back\n\n${plain(what)}: ${plain(wanted.reason)}\n`,
      report: {
        failures: [],
        recovered: [],
        serving: servingOf(manifest, settings.publicUrl),
        upstream: {},
        at: now().toISOString(),
      },
    };
  };
};

/** Unpins a database that was rolled back: the next cycle may update it. */
export const release: Prepare = (given) => {
  const { wanted, settings } = together({
    wanted: () => releaseSettings(given),
    settings: () => syncSettings(given),
  });
  return async ({ log }) => {
    const deps = await cycleDeps(settings, log);
    const { version, held } = await releaseDatabase(wanted.database, deps);
    const what = `${wanted.database} was pinned at version ${version} since ${moment(held?.since ?? '')}. The next cycle may update it`;
    log.info(what);
    const manifest = await manifestOf(deps.store);
    return {
      verdict: 'good',
      outputs: { outcome: 'released', ...publishedOutputs(manifest, undefined) },
      summary: `## Released\n\n${plain(what)}\n`,
    };
  };
};
