import type { Engine } from '../engine/engine.ts';
import { basisOf } from './basis.ts';
import { requireSound } from './control.ts';
import { type Playing, type ProveOptions, playAll, proveByAll } from './play-all.ts';
import { type ProveExtras, proveExtrasWith } from './prove-extras.ts';
import type { Proof, ScenarioResult } from './record.ts';
import { daemon } from './scenarios/daemon.ts';
import { dnsClient } from './scenarios/dns-client.ts';
import { publishedClient, retainedClients } from './scenarios/earlier-client.ts';
import { fipsClients } from './scenarios/fips-client.ts';
import { freshClient } from './scenarios/fresh-client.ts';
import { privateMirrorClient } from './scenarios/private-mirror-client.ts';
import { scan } from './scenarios/scan.ts';
import type { Candidate, Scenario } from './scenarios/scenario.ts';
import { upToDateClient } from './scenarios/up-to-date-client.ts';
import { wholeDownloadClient } from './scenarios/whole-download-client.ts';

export type { ProveOptions };

/** Function that proves a stage, given to a cycle. */
export interface Prove {
  (candidate: Candidate): Promise<Proof>;
  /** Digest that changes with the engines and samples. A verdict of the engines holds only for the same basis. */
  readonly basis?: string;
  /** Proves files that are published beside the databases. */
  readonly extras?: ProveExtras;
}

/**
 * Scenarios of an engine, in the order of the record. Those of one client build on each other and are played one after
 * the other; the clients do not, and are played side by side, as far as cores and memory go.
 */
async function scenariosFor(candidate: Candidate, engine: Engine): Promise<Scenario[]> {
  return [
    ...[freshClient, upToDateClient, scan],
    ...(candidate.published.size > 0 ? [publishedClient] : []),
    ...retainedClients(candidate),
    wholeDownloadClient,
    privateMirrorClient,
    dnsClient,
    daemon,
    ...(await fipsClients(candidate, engine)),
  ];
}

/**
 * Proves a stage with the real clients of every engine, served by our own host. A failed scenario is recorded only if
 * the same engine passes it without the new databases. Otherwise, or if an engine cannot run at all, this throws
 * `EngineError`; for a missing sample it throws `SampleError`.
 */
export function proveWith(engines: readonly Engine[], options: ProveOptions): Prove {
  const prove = async (candidate: Candidate): Promise<Proof> =>
    await proveByAll(engines, candidate, options, async (engine, playing) =>
      proveByEngine(engine, candidate, playing),
    );
  const extras = proveExtrasWith(engines, options);
  return Object.assign(prove, { basis: basisOf(engines, options.samples), extras });
}

/** Plays all scenarios. A failure counts only if the engine passes without the new databases. */
async function proveByEngine(
  engine: Engine,
  candidate: Candidate,
  playing: Playing,
): Promise<ScenarioResult[]> {
  const scenarios = await scenariosFor(candidate, engine);
  const results = await playAll(engine, candidate, scenarios, playing);
  const failed = scenarios[results.findIndex(({ result }) => result === 'failed')];
  if (failed !== undefined) {
    await requireSound(engine, failed, candidate, {
      scenariosFor: (control) => scenariosFor(control, engine),
      playAll: (control, some) => playAll(engine, control, some, playing),
    });
  }
  return results;
}
