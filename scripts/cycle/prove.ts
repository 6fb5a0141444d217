import { fetchRetained } from '../mirror/retained-cvds.ts';
import type { Prove } from '../proof/prove.ts';
import type { StagedMirror } from './context.ts';
import { passGate } from './gate/gate.ts';

/**
 * Lets real clients use the stage as they would use the mirror. An update that is implausible, or that an engine refuses,
 * leaves the stage again.
 */
export async function proveStage(mirror: StagedMirror, prove: Prove): Promise<void> {
  const { progress, log } = mirror;
  log.info('proving the stage with real ClamAV');
  const { cvds: retained, unusable } = await fetchRetained(progress.updates, mirror);
  const passed = await passGate(progress.updates, mirror, { prove, retained });
  Object.assign(progress, { updates: passed.updates, proof: passed.proof, unusable });
}
