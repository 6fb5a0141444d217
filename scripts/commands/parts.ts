import { constants } from 'node:os';
import { join } from 'node:path';
import type { CycleParts } from '../cycle.ts';
import type { Log } from '../log.ts';
import { openEngines } from '../proof/open-engines.ts';
import { proveWith } from '../proof/prove.ts';
import { readUserSamples } from '../proof/user-samples.ts';
import { type SyncSettings, searchPath } from '../settings.ts';
import { openStore } from '../store/open-store.ts';
import { TALOS } from '../verify/trust.ts';

/** What a command works with: the store, the engines and the samples that its settings name. */
export async function partsFor(
  { engines, samples, store, s3, work }: SyncSettings,
  log: Log,
): Promise<CycleParts> {
  const now = () => new Date();
  return {
    store: await openStore(store, s3),
    findProver: async () => {
      const userSamples = await readUserSamples(samples);
      const found = await openEngines(engines, { path: searchPath(), work, log });
      return proveWith(found, { now, samples: userSamples, failures: join(work, 'failed') });
    },
    trust: TALOS,
    log,
    now,
  };
}

/** Ends this process on Ctrl-C and the like, and ClamAV's tools with it. */
export function endOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
}
