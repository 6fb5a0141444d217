import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cvdName, cvdSignName } from '../cvd/names.ts';
import type { Engine } from '../engine/engine.ts';
import { requirePassed } from './control.ts';
import { type Playing, type ProveOptions, playAll, proveByAll } from './play-all.ts';
import type { Proof, ScenarioResult } from './record.ts';
import { type EntryFindings, type ExtrasInQuestion, extrasClient } from './scenarios/extras-client.ts';
import type { Candidate } from './scenarios/scenario.ts';

/** Published databases with their `.sign` files in a folder, and the extras beside them, all as they would be served. */
export interface ExtrasCandidate extends ExtrasInQuestion {
  readonly folder: string;
  readonly staged: Candidate['staged'];
  /** Folder for the folders of the clients. */
  readonly workFolder: string;
}

export interface ProvenExtras extends EntryFindings {
  readonly proof: Proof;
}

export type ProveExtras = (candidate: ExtrasCandidate) => Promise<ProvenExtras>;

/**
 * Proves extras together with the published databases, with a real client of every engine. A failure is recorded only if the
 * same engine passes with the databases alone. Otherwise this throws `EngineError`, as for databases.
 */
export function proveExtrasWith(engines: readonly Engine[], options: ProveOptions): ProveExtras {
  return async (given) => {
    const found: EntryFindings = { off: new Map(), refused: new Map() };
    const candidate = candidateOf(given);
    const proof = await proveByAll(engines, candidate, options, async (engine, playing) =>
      proveByEngine(engine, { given, candidate, found }, playing),
    );
    return { proof, ...found };
  };
}

function candidateOf({ folder, staged, workFolder }: ExtrasCandidate): Candidate {
  const cvds = [...staged].map(([database, { version }]) => {
    const sign = join(folder, cvdSignName(database, version));
    const path = join(folder, cvdName(database));
    return [database, { version, path, sign: existsSync(sign) ? sign : undefined }] as const;
  });
  return { folder, staged, published: new Map(cvds), retained: new Map(), workFolder };
}

async function proveByEngine(
  engine: Engine,
  { given, candidate, found }: { given: ExtrasInQuestion; candidate: Candidate; found: EntryFindings },
  playing: Playing,
): Promise<ScenarioResult[]> {
  const results = await playAll(engine, candidate, extrasClient(given, found), playing);
  if (results.some(({ result }) => result === 'failed')) {
    const alone = extrasClient({ names: [], allowed: [] }, { off: new Map(), refused: new Map() });
    requirePassed(engine, await playAll(engine, candidate, alone, playing), 'without the extras, too');
  }
  return results;
}
