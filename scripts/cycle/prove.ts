import { fetchRetained } from '../mirror/retained-cvds.ts';
import type { Prove } from '../proof/prove.ts';
import type { Proof } from '../proof/record.ts';
import type { StagedMirror } from './context.ts';
import { passGate } from './gate/gate.ts';
import type { WaitMemory } from './memory/retirement.ts';

/** A stage that went through the gate. */
export interface ProvenStage {
  /** `null` if nothing new was plausible enough to be proven. */
  readonly proof: Proof | null;
  /** Names of archived CVDs that are damaged, so that the next manifest drops them. */
  readonly unusable: readonly string[];
}

/**
 * Lets real clients use the stage as they would use the mirror. An update that is implausible, or that an engine refuses,
 * leaves the stage again. `waits` remembers updates that are genuine and unusual; without it they are refused.
 */
export async function proveStage(
  mirror: StagedMirror,
  prove: Prove,
  waits?: WaitMemory,
): Promise<ProvenStage> {
  const { progress, log } = mirror;
  log.info('proving the stage with real ClamAV');
  const retained = await fetchRetained(progress.updates, mirror);
  const { updates, proof } = await passGate(progress.updates, mirror, {
    prove,
    waits,
    retained: retained.cvds,
  });
  progress.updates = updates;
  if (proof !== null) progress.proof = proof;
  return { proof, unusable: retained.unusable };
}
