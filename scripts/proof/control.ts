import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, EngineError, readsSigns } from '../engine/engine.ts';
import { publishedCandidate } from './published-candidate.ts';
import type { ScenarioResult } from './record.ts';
import { ownCheck } from './scenarios/own-check.ts';
import { scan } from './scenarios/scan.ts';
import type { Candidate, Scenario } from './scenarios/scenario.ts';

export interface ControlParts {
  /** The scenarios that a candidate is judged by. */
  readonly scenariosFor: (candidate: Candidate) => Promise<readonly Scenario[]>;
  /** Plays scenarios one after the other, in folders and within a time of their own. */
  readonly playAll: (
    candidate: Candidate,
    scenarios: readonly Scenario[],
  ) => Promise<readonly ScenarioResult[]>;
}

/**
 * Plays a scenario that failed with what is published now, on this machine and by the same engine. Where nothing is
 * published that it can be played with, the same tools work on a database of our own. Throws `engine/broken` if that
 * fails too: then it was not what is new that failed.
 */
export async function requireSound(
  engine: Engine,
  failed: Scenario,
  candidate: Candidate,
  { scenariosFor, playAll }: ControlParts,
): Promise<void> {
  const folder = await mkdtemp(join(candidate.workFolder, 'control-'));
  try {
    if (candidate.published.size > 0) {
      const control = await publishedCandidate(candidate, join(folder, 'stage'));
      const all = await scenariosFor(control);
      const scenarios = upTo(failed, all);
      // what EICAR is called with what is published, the later ones have from that
      const before = scenarios.length === 0 || failed.client === scan.client ? [] : upTo(scan, all);
      const results = await playAll(control, [...before, ...scenarios]);
      requirePassed(engine, results, 'with what is published, too');
      if (scenarios.length > 0 && results.at(-1)?.result === 'passed') return;
    }
    requirePassed(engine, await playAll(candidate, [ownCheck(failed)]), 'with a database of our own, too');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const OF_SIGNATURES = /verif|certificate|signature/i;

/** It and those before it in the same client's folder, where it starts from what they left; none if it is not there. */
function upTo(failed: Scenario, scenarios: readonly Scenario[]): readonly Scenario[] {
  const same = scenarios.filter(({ client }) => client === failed.client);
  return same.slice(0, same.findIndex(({ name }) => name === failed.name) + 1);
}

function requirePassed(engine: Engine, results: readonly ScenarioResult[], how: string): void {
  const { name, version } = engine;
  const failed = results.find(({ result }) => result === 'failed');
  if (failed === undefined) return;
  const what = `${failed.scenario}: ${failed.evidence}`;
  const where =
    readsSigns(engine) && OF_SIGNATURES.test(failed.evidence)
      ? 'the certificates that this engine knows (CVD_CERTS_DIR, or the folder certs beside freshclam.conf), and its clock'
      : 'this engine and its machine, and your own samples';
  throw new EngineError('engine/broken', `${name} (ClamAV ${version}) fails ${how}: ${what}`, {
    advice: `So nothing new is to blame, and nothing is held against it: look at ${where}; it is tried again in the next cycle`,
  });
}
