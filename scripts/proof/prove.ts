import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { explain } from '../errors.ts';
import { startHost } from '../host/host.ts';
import { type Engine, EngineError } from './engine.ts';
import type { Proof, ScenarioResult } from './record.ts';
import { freshClient } from './scenarios/fresh-client.ts';
import { publishedClient } from './scenarios/published-client.ts';
import { scan } from './scenarios/scan.ts';
import type { Scenario, Scene, StagedDatabase } from './scenarios/scenario.ts';

/** One run of a ClamAV tool may take this long; loading main and daily takes up to a minute. Milliseconds. */
const TOOL_TIMEOUT = 10 * 60_000;

/** What is to be proven. */
export interface Candidate {
  /** The stage's folder. */
  readonly folder: string;
  readonly staged: ReadonlyMap<string, StagedDatabase>;
  /** Paths of the CVDs that are published now, by database. */
  readonly published: ReadonlyMap<string, string>;
  /** For the clients' folders. */
  readonly workFolder: string;
}

/** Proves a stage: the collaborator that a cycle is given. */
export type Prove = (candidate: Candidate) => Promise<Proof>;

/**
 * Serves the stage on loopback by our own host and lets the real clients of every engine at it.
 * A scenario that fails is part of the record; an engine that cannot run at all throws `EngineError`.
 */
export function proveWith(engines: readonly Engine[], now: () => Date, timeout = TOOL_TIMEOUT): Prove {
  return async (candidate) => {
    const started = now();
    if (engines.length === 0)
      throw new EngineError('engine/missing', 'there is no engine to prove anything with');
    await using host = await startHost({ folder: candidate.folder });
    const results: ScenarioResult[] = [];
    for (const engine of engines) {
      const clients = await mkdtemp(join(candidate.workFolder, 'clients-'));
      for (const scenario of scenariosFor(candidate)) {
        const folder = join(clients, scenario.client);
        await mkdir(folder, { recursive: true });
        results.push(await play(scenario, { ...candidate, engine, folder, port: host.port, timeout }));
      }
      await rm(clients, { recursive: true, force: true });
    }
    return {
      passed: results.every(({ result }) => result === 'passed'),
      started: started.toISOString(),
      duration: secondsSince(started.getTime(), now().getTime()),
      databases: Object.fromEntries([...candidate.staged].map(([name, { version }]) => [name, version])),
      engines: engines.map(({ name, version }) => ({ name, version })),
      results,
    };
  };
}

function scenariosFor(candidate: Candidate): Scenario[] {
  return [freshClient, ...(candidate.published.size > 0 ? [publishedClient] : []), scan];
}

async function play(scenario: Scenario, scene: Scene): Promise<ScenarioResult> {
  const begun = performance.now();
  const done = (result: ScenarioResult['result'], evidence: string): ScenarioResult => ({
    engine: scene.engine.name,
    scenario: scenario.name,
    result,
    evidence,
    duration: secondsSince(begun, performance.now()),
  });
  try {
    return done('passed', await scenario.play(scene));
  } catch (error) {
    if (error instanceof EngineError) throw error;
    return done('failed', explain(error));
  }
}

function secondsSince(from: number, to: number): number {
  return Math.round(to - from) / 1000;
}
