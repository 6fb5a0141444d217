import { SILENT } from '../../scripts/base/log.ts';
import { runCycle } from '../../scripts/cycle/cycle.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { report, trustFromJson } from './support.ts';

/**
 * One cycle on a database signed with test keys. Real engines trust Talos alone, so the proof is left out here;
 * their memory is their own anyway.
 */
const { upstream, store, keys } = JSON.parse(process.argv[2] ?? '');
const now = () => new Date();
await report(async () => {
  const settings = syncSettings({
    flags: { upstream, store, databases: 'daily', dns: 'off' },
    environment: {},
  });
  const { outcome, error, databases } = await runCycle(settings, {
    store: new FolderStore(store),
    openProver: async () => async () => ({
      passed: true,
      started: now().toISOString(),
      duration: 0,
      databases: {},
      engines: [{ name: 'stand-in', version: '0', fLevel: 255 }],
      results: [],
    }),
    trust: trustFromJson(keys),
    log: SILENT,
    now,
  });
  const { how, reason } = databases.daily ?? {};
  if (error !== undefined || reason !== undefined) throw new Error(error?.message ?? reason);
  return { outcome, how };
});
