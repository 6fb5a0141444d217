import { requireStagedVersions, update } from '../clients/freshclam.ts';
import type { Scenario } from './scenario.ts';

/** Of all clients this one loads every database before it takes it, as clients do unless they are told not to. */
export const freshClient: Scenario = {
  name: 'a client with an empty folder arrives at the staged versions',
  client: 'fresh',
  async play(scene) {
    const { run } = await update(scene, { testDatabases: true });
    return await requireStagedVersions(scene, run);
  },
};
