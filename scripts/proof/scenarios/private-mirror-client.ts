import { counted } from '../../base/words.ts';
import { endOf } from '../../engine/engine.ts';
import { requestText, requireStagedBytes, requireStagedVersions, update } from '../clients/freshclam.ts';
import { type Scenario, ScenarioFailure } from './scenario.ts';

/**
 * Scenario of a PrivateMirror client. It asks for a `.cld` first, and any answer except 404 keeps clients away for a
 * day (§0.3).
 */
export const privateMirrorClient: Scenario = {
  name: 'a PrivateMirror client gets the CVDs and saves no cool-down',
  client: 'private',
  async play(scene) {
    const first = await update(scene, { privateMirror: true });
    const arrived = await requireStagedVersions(scene, first.run);
    await requireStagedBytes(scene);
    const wrong = first.requests.find(({ path, status }) => path.endsWith('.cld') && status !== 404);
    if (wrong !== undefined) throw new ScenarioFailure(`a missing .cld must be 404: ${requestText(wrong)}`);
    const again = await update(scene, { privateMirror: true });
    await requireStagedVersions(scene, again.run);
    const coolDown = /^.*cool-?down.*$/im.exec(again.run.output)?.[0];
    if (coolDown !== undefined || again.requests.length === 0 || again.run.exitCode !== 0) {
      const said = coolDown?.trim() ?? `${endOf(again.run)}, ${counted(again.requests.length, 'request')}`;
      throw new ScenarioFailure(`it does not come back: ${said}`);
    }
    const missing = first.requests.filter(({ status }) => status === 404).length;
    return `${arrived}; ${counted(missing, 'time')} 404 on the way, and it asked again`;
  },
};
