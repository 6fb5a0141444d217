import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { codeOf, explain } from '../base/errors.ts';
import { ENGINE_MS, TOOL_MS } from '../base/limits/engines.ts';
import { secondsSince } from '../base/stopwatch.ts';
import { cvdName } from '../cvd/names.ts';
import { type Engine, EngineError } from '../engine/engine.ts';
import { oomKills } from '../engine/oom-kills.ts';
import { requireNoLack } from '../engine/shortages.ts';
import { recorded, Transcript } from '../engine/transcript.ts';
import { basisOf } from './basis.ts';
import { requireSound } from './control.ts';
import { enginesAtOnce } from './memory-budget.ts';
import type { Proof, ScenarioResult } from './record.ts';
import { SampleError, type UserSample } from './samples/user-samples.ts';
import { daemon } from './scenarios/daemon.ts';
import { dnsClient } from './scenarios/dns-client.ts';
import { publishedClient, retainedClients } from './scenarios/earlier-client.ts';
import { fipsClients } from './scenarios/fips-client.ts';
import { freshClient } from './scenarios/fresh-client.ts';
import { privateMirrorClient } from './scenarios/private-mirror-client.ts';
import { scan } from './scenarios/scan.ts';
import {
  type Candidate,
  Disturbed,
  OutOfTime,
  type Scenario,
  ScenarioSkipped,
  type Scene,
} from './scenarios/scenario.ts';
import { upToDateClient } from './scenarios/up-to-date-client.ts';
import { wholeDownloadClient } from './scenarios/whole-download-client.ts';

export interface ProveOptions {
  readonly now: () => Date;
  readonly samples?: readonly UserSample[];
  /** Folder for the transcripts of failed scenarios. By default none are kept. */
  readonly failures?: string | undefined;
  /** Time limit for one run of a tool in milliseconds. */
  readonly timeout?: number | undefined;
  /** Time limit for all scenarios of one engine in milliseconds. */
  readonly engineTimeout?: number | undefined;
}

/** Function that proves a stage, given to a cycle. */
export interface Prove {
  (candidate: Candidate): Promise<Proof>;
  /** Digest that changes with the engines and samples. A verdict of the engines holds only for the same basis. */
  readonly basis?: string;
}

/**
 * Proves a stage with the real clients of every engine, served by our own host. A failed scenario is recorded only if
 * the same engine passes it without the new databases. Otherwise, or if an engine cannot run at all, this throws
 * `EngineError`; for a missing sample it throws `SampleError`.
 */
export function proveWith(engines: readonly Engine[], options: ProveOptions): Prove {
  const prove = async (candidate: Candidate): Promise<Proof> => {
    const started = options.now();
    const begun = performance.now();
    if (engines.length === 0) {
      throw new EngineError('engine/missing', 'no engine is available for the proof');
    }
    const turns = pLimit(enginesAtOnce(await sizeOf(candidate), engines.length));
    const proofs = await Promise.allSettled(
      engines.map((engine) => turns(() => proveByEngine(engine, candidate, options))),
    );
    const results = proofs.flatMap((proof) => {
      if (proof.status === 'rejected') throw proof.reason;
      return proof.value;
    });
    return {
      passed: results.every(({ result }) => result !== 'failed'),
      started: started.toISOString(),
      duration: secondsSince(begun),
      databases: Object.fromEntries([...candidate.staged].map(([name, { version }]) => [name, version])),
      engines: engines.map(({ name, version, fLevel, image }) => ({
        name,
        version,
        fLevel,
        ...(image !== undefined && { image }),
      })),
      results,
    };
  };
  return Object.assign(prove, { basis: basisOf(engines, options.samples) });
}

/** Plays all scenarios. A failure counts only if the engine passes without the new databases. */
async function proveByEngine(
  engine: Engine,
  candidate: Candidate,
  options: ProveOptions,
): Promise<ScenarioResult[]> {
  const scenarios = await scenariosFor(candidate, engine);
  const results = await playAll(engine, candidate, scenarios, options);
  const failed = scenarios[results.findIndex(({ result }) => result === 'failed')];
  if (failed !== undefined) {
    await requireSound(engine, failed, candidate, {
      scenariosFor: (control) => scenariosFor(control, engine),
      playAll: (control, some) => playAll(engine, control, some, options),
    });
  }
  return results;
}

/** Plays scenarios in order. Those of one client build on each other. */
async function playAll(
  engine: Engine,
  candidate: Candidate,
  scenarios: readonly Scenario[],
  { samples = [], timeout: toolTimeout = TOOL_MS, engineTimeout = ENGINE_MS, failures }: ProveOptions,
): Promise<ScenarioResult[]> {
  const deadline = performance.now() + engineTimeout;
  const clients = await mkdtemp(join(candidate.workFolder, 'clients-'));
  try {
    const results: ScenarioResult[] = [];
    for (const scenario of scenarios) {
      const folder = join(clients, scenario.client);
      await mkdir(folder, { recursive: true });
      const transcript = new Transcript();
      const recording = recorded(engine, transcript);
      const left = () => Math.min(toolTimeout, Math.max(1, Math.ceil(deadline - performance.now())));
      const sceneNow = () => {
        return { candidate, engine: recording, folder, samples, timeout: left(), transcript };
      };
      results.push(await playTwice(scenario, sceneNow, failures));
    }
    return results;
  } finally {
    await rm(clients, { recursive: true, force: true });
  }
}

async function scenariosFor(candidate: Candidate, engine: Engine): Promise<Scenario[]> {
  return [
    freshClient,
    upToDateClient,
    scan,
    ...(candidate.published.size > 0 ? [publishedClient] : []),
    ...retainedClients(candidate),
    wholeDownloadClient,
    privateMirrorClient,
    dnsClient,
    daemon,
    ...(await fipsClients(candidate, engine)),
  ];
}

/** Plays a scenario once more if its failure may be temporary: this machine was busy, or somebody interfered. */
async function playTwice(
  scenario: Scenario,
  sceneNow: () => Scene,
  failures: string | undefined,
): Promise<ScenarioResult> {
  const scene = sceneNow();
  const once = async (): Promise<string> => {
    try {
      return await scenario.play(scene);
    } catch (error) {
      if (!(error instanceof OutOfTime || error instanceof Disturbed)) throw error;
      scene.transcript.add('tried once more', explain(error));
      return await scenario.play(sceneNow());
    }
  };
  return await play({ ...scenario, play: once }, scene, failures);
}

async function play(
  { name, ...scenario }: Scenario,
  scene: Scene,
  failures: string | undefined,
): Promise<ScenarioResult> {
  const begun = performance.now();
  const kills = await oomKills();
  const done = (result: ScenarioResult['result'], evidence: string): ScenarioResult => {
    return { engine: scene.engine.name, scenario: name, result, evidence, duration: secondsSince(begun) };
  };
  try {
    return done('passed', await scenario.play(scene));
  } catch (error) {
    if (error instanceof ScenarioSkipped) return done('skipped', error.message);
    const reason = explain(error);
    if (failures !== undefined) await scene.transcript.keep(failures, `${scene.engine.name} ${name}`, reason);
    if (error instanceof Disturbed) throw disturbed(scene.engine, error);
    if (error instanceof EngineError || error instanceof SampleError || isShortage(error)) throw error;
    const { engine, transcript } = scene;
    for (const ended of transcript.runs) requireNoLack(engine, ended);
    if ((await oomKills()) > kills) requireNoLack(engine, OUT_OF_MEMORY);
    return done('failed', reason);
  }
}

/** Run of a child that ran out of memory without its tool saying so. */
const OUT_OF_MEMORY = { exitCode: null, timedOut: false, outOfMemory: true, output: '' };

function disturbed({ name }: Engine, cause: Disturbed): EngineError {
  return new EngineError('engine/broken', `somebody keeps interfering with ${name}`, {
    cause,
    advice: 'Find out who else uses this machine, or shares a network with the container of the engine',
  });
}

/** True if this machine ran out of something. A database is never refused for that. */
function isShortage(error: unknown): boolean {
  return ['file/full', 'ENOSPC', 'EDQUOT', 'ENOMEM', 'EMFILE', 'ENFILE', 'EROFS', 'EIO'].includes(
    codeOf(error) ?? '',
  );
}

/** Bytes of all staged CVDs together. */
async function sizeOf({ folder, staged }: Candidate): Promise<number> {
  const sizes = await Promise.all(
    [...staged.keys()].map(async (database) => (await stat(join(folder, cvdName(database)))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
