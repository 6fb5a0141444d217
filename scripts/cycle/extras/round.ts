import { join } from 'node:path';
import { counted } from '../../base/words.ts';
import { EngineError } from '../../engine/engine.ts';
import type { Allowed } from '../../mirror/extras.ts';
import type { Published } from '../../mirror/published.ts';
import type { Proof } from '../../proof/record.ts';
import type { CycleDeps, FaceOf } from '../context.ts';
import { type PassedExtras, passExtras } from './gate-extras.ts';
import { publishExtras } from './publish-extras.ts';
import { openExtrasStage } from './stage-extras.ts';
import { NO_EXTRAS, type WantedExtras } from './wanted.ts';

/** Extras to prove and publish. */
export interface ExtrasRound
  extends WantedExtras,
    Pick<CycleDeps, 'store' | 'trust' | 'log' | 'now' | 'openProver'> {
  readonly published: Published;
  readonly allowed: readonly Allowed[];
  /** Folder of this run. */
  readonly workFolder: string;
  /** True to publish nothing. */
  readonly isDry: boolean;
  readonly openFace?: (published: Published) => Promise<FaceOf>;
  /** Throws if what was left out must not be. */
  readonly requirePassed?: (passed: PassedExtras) => void;
}

/**
 * Proves extras if they, or the databases beside them, are others than those that were proven, and publishes what passed. Returns
 * `undefined` if everything is as it is published.
 */
export async function proveAndPublish(round: ExtrasRound): Promise<PassedExtras | undefined> {
  const { wanted, allowed, published, damaged, isDry, log } = round;
  const current = published.manifest?.extras ?? NO_EXTRAS;
  const isListNew = JSON.stringify(allowed) !== JSON.stringify(current.allowed);
  const isToProve = isProofDue(round) || damaged.size > 0;
  if (!isToProve && !isListNew && current.retired.length === 0) return undefined;
  const isProof = isToProve && wanted.size > 0;
  const { passed, folder } = isProof
    ? await prove(round)
    : { passed: unproven(round, current.proof), folder: '' };
  round.requirePassed?.(passed);
  if (isDry) return passed;
  await publishExtras(published, { ...passed, folder, damaged, openFace: round.openFace }, round);
  log.info(`published ${counted(passed.extras.size, 'extra')} to ${round.store.where}`);
  return passed;
}

/** Proves them in a folder, from which they may be published. */
async function prove(round: ExtrasRound): Promise<{ passed: PassedExtras; folder: string }> {
  const { extras } = await round.openProver();
  if (extras === undefined) throw new EngineError('engine/missing', 'no engine here proves extras');
  const stage = await openExtrasStage(round.published, round, join(round.workFolder, 'extras'));
  return { passed: await passExtras(round, stage, extras, round.log), folder: stage.folder };
}

/** Extras of which no byte is new, with the proof that they have. */
function unproven({ wanted, allowed }: ExtrasRound, proof: Proof | undefined): PassedExtras {
  const isProven = wanted.size > 0;
  const nothing = { left: new Map(), refused: new Map(), idle: [] };
  return { extras: wanted, allowed, proof: isProven ? proof : undefined, ...nothing };
}

/** True unless exactly these extras, but for those that are known to be refused, were proven with these databases. */
export function isProofDue(
  { wanted, published }: Pick<ExtrasRound, 'wanted' | 'published'>,
  refused: Readonly<Record<string, unknown>> = {},
): boolean {
  const { files, proof } = published.manifest?.extras ?? NO_EXTRAS;
  const isRefused = (name: string) => Object.hasOwn(refused, name);
  const differs = [...wanted.values()].some(
    ({ name, sha256 }) => files[name]?.sha256 !== sha256 && !isRefused(name),
  );
  const isGone = Object.keys(files).some((name) => !wanted.has(name));
  if (differs || isGone) return true;
  if (Object.keys(files).length === 0) return false;
  const versions = [...published.databases].map(([name, { version }]) => [name, version]);
  const proven = Object.entries(proof?.databases ?? {});
  return JSON.stringify(versions.sort()) !== JSON.stringify(proven.sort());
}
