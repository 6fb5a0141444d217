import { requireStagedVersions, update } from '../clients/freshclam.ts';
import type { Scenario } from './scenario.ts';

/**
 * Scenario of a client with an empty folder. Only this client loads every database before using it, which is the
 * default of freshclam.
 */
export const freshClient: Scenario = {
  name: 'a client with an empty folder arrives at the staged versions',
  client: 'fresh',
  sets: 1,
  async play(scene) {
    const { run } = await update(scene, { testDatabases: true });
    return await requireStagedVersions(scene, run);
  },
};
