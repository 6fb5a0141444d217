import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Engine, EngineError, readsSigns } from '../engine/engine.ts';
import { publishedCandidate } from './published-candidate.ts';
import type { ScenarioResult } from './record.ts';
import { ownCheck } from './scenarios/own-check.ts';
import type { Candidate, Scenario } from './scenarios/scenario.ts';

export interface ControlContext {
  /** Returns the scenarios for a candidate. */
  readonly scenariosFor: (candidate: Candidate) => Promise<readonly Scenario[]>;
  /** Plays scenarios in folders and within a time limit of their own: those of one client in order. */
  readonly playAll: (
    candidate: Candidate,
    scenarios: readonly Scenario[],
  ) => Promise<readonly ScenarioResult[]>;
}

/**
 * Plays a failed scenario again with what is published now, on the same engine and machine. If nothing suitable is
 * published, the tools of the scenario work on a database of our own instead. Throws `engine/broken` if this fails too:
 * then the new databases are not to blame.
 */
export async function requireSound(
  engine: Engine,
  failed: Scenario,
  candidate: Candidate,
  { scenariosFor, playAll }: ControlContext,
): Promise<void> {
  const folder = await mkdtemp(join(candidate.workFolder, 'control-'));
  try {
    if (candidate.published.size > 0) {
      const control = await publishedCandidate(candidate, join(folder, 'stage'));
      const scenarios = upTo(failed, await scenariosFor(control));
      const results = await playAll(control, scenarios);
      requirePassed(engine, results, 'with what is published, too');
      if (scenarios.length > 0 && results.at(-1)?.result === 'passed') return;
    }
    requirePassed(engine, await playAll(candidate, [ownCheck(failed)]), 'with a database of our own, too');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const OF_SIGNATURES = /verif|certificate|signature/i;

/**
 * Scenarios of the same client up to the failed one, since each starts from what the earlier ones left. Empty if the
 * failed one is not among them.
 */
function upTo(failed: Scenario, scenarios: readonly Scenario[]): readonly Scenario[] {
  const same = scenarios.filter(({ client }) => client === failed.client);
  return same.slice(0, same.findIndex(({ name }) => name === failed.name) + 1);
}

/** Throws `engine/broken` if an engine fails without what it was to judge, too. */
export function requirePassed(engine: Engine, results: readonly ScenarioResult[], how: string): void {
  const { name, version } = engine;
  const failed = results.find(({ result }) => result === 'failed');
  if (failed === undefined) return;
  const what = `${failed.scenario}: ${failed.evidence}`;
  const where =
    readsSigns(engine) && OF_SIGNATURES.test(failed.evidence)
      ? 'the certificates that this engine knows (CVD_CERTS_DIR, or the folder certs beside freshclam.conf), and its clock'
      : 'this engine and its machine, and your own samples';
  throw new EngineError('engine/broken', `${name} (ClamAV ${version}) fails ${how}: ${what}`, {
    advice: `The new databases are not to blame, and the next cycle tries them again. Check ${where}`,
  });
}
