import {
  plant,
  requestText,
  requireStagedBytes,
  requireStagedVersions,
  update,
} from '../clients/freshclam.ts';
import { type Scenario, ScenarioFailure } from './scenario.ts';

export const wholeDownloadClient: Scenario = {
  name: 'a client with ScriptedUpdates off takes the whole CVDs, byte for byte',
  client: 'whole',
  async play(scene) {
    const { published, staged } = scene.candidate;
    const behind = [...published].filter(([name, { version }]) => staged.get(name)?.version !== version);
    await plant(scene, behind);
    const { run, requests } = await update(scene, { scriptedUpdates: false });
    const arrived = await requireStagedVersions(scene, run);
    const cdiff = requests.find(({ path }) => path.endsWith('.cdiff'));
    if (cdiff !== undefined) throw new ScenarioFailure(`it wants no CDIFF, and asked: ${requestText(cdiff)}`);
    await requireStagedBytes(scene);
    return arrived;
  },
};
