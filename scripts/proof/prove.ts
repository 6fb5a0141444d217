import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ENGINE_MS, TOOL_MS } from '../base/limits/engines.ts';
import { type Log, SILENT } from '../base/log.ts';
import { secondsSince } from '../base/stopwatch.ts';
import { cvdName } from '../cvd/names.ts';
import { type Engine, EngineError } from '../engine/engine.ts';
import { basisOf } from './basis.ts';
import { requireSound } from './control.ts';
import { MemoryBudget, type Need } from './memory-budget.ts';
import { playScenario } from './play.ts';
import type { Proof, ScenarioResult } from './record.ts';
import type { UserSample } from './samples/user-samples.ts';
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
import { type Job, Schedule } from './schedule.ts';
import { TimeLimit } from './time-limit.ts';

export interface ProveOptions {
  readonly now: () => Date;
  readonly samples?: readonly UserSample[];
  /** Folder for the transcripts of failed scenarios. By default none are kept. */
  readonly failures?: string | undefined;
  /** Time limit for one run of a tool in milliseconds. */
  readonly timeout?: number | undefined;
  /** Time limit for all scenarios of one engine added up, in milliseconds. */
  readonly engineTimeout?: number | undefined;
  /** Bytes of memory that are available; by default what this machine, or the group that limits us, has left. */
  readonly memory?: number | undefined;
  readonly log?: Log | undefined;
}

/** Function that proves a stage, given to a cycle. */
export interface Prove {
  (candidate: Candidate): Promise<Proof>;
  /** Digest that changes with the engines and samples. A verdict of the engines holds only for the same basis. */
  readonly basis?: string;
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
  const prove = async (candidate: Candidate): Promise<Proof> => {
    const started = options.now();
    const begun = performance.now();
    if (engines.length === 0) {
      throw new EngineError('engine/missing', 'no engine is available for the proof');
    }
    const { memory = process.availableMemory(), log = SILENT } = options;
    const stage = openStage(new MemoryBudget(await sizeOf(candidate), memory), log);
    const proofs = await Promise.allSettled(
      engines.map((engine) => proveByEngine(engine, candidate, { ...options, ...stage, begun })),
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
      memory: stage.recordOfMemory(),
      results,
    };
  };
  return Object.assign(prove, { basis: basisOf(engines, options.samples) });
}

/** Scenario of an engine that waits for its turn. */
interface Turn extends Job<ScenarioResult>, Need {}

/** All that the engines of one proof share: the turns, and the memory. */
interface Stage {
  readonly schedule: Schedule<ScenarioResult, Turn>;
  readonly loaded: (bytes: number | undefined) => void;
  /** Part of the record. */
  readonly recordOfMemory: () => Proof['memory'];
}

function openStage(budget: MemoryBudget, log: Log): Stage {
  let oneByOne = false;
  const fits = (next: Turn, beside: readonly Turn[]) => {
    const isRoom = budget.fits(next, beside);
    if (!isRoom && !oneByOne)
      log.info(`loading databases one after the other where memory is short: ${budget}`);
    oneByOne ||= !isRoom;
    return isRoom;
  };
  const schedule = new Schedule<ScenarioResult, Turn>({ slots: availableParallelism() + 1, fits });
  return {
    schedule,
    loaded(ofOneSet) {
      budget.learn(ofOneSet);
      schedule.look();
    },
    recordOfMemory: () => budget.record(oneByOne),
  };
}

interface Playing extends ProveOptions, Stage {
  /** Start of the proof, a time of `performance.now()`. */
  readonly begun: number;
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

/** Plays scenarios: those of one client in order and in one folder, those of others beside them. */
async function playAll(
  engine: Engine,
  candidate: Candidate,
  scenarios: readonly Scenario[],
  { samples = [], timeout = TOOL_MS, engineTimeout = ENGINE_MS, failures, begun, ...stage }: Playing,
): Promise<ScenarioResult[]> {
  const limit = new TimeLimit(engineTimeout);
  const clients = await mkdtemp(join(candidate.workFolder, 'clients-'));
  const turns: Turn[] = [];
  const lastOf = new Map<string, Turn>();
  for (const scenario of scenarios) {
    const { client, sets = 0 } = scenario;
    const folder = join(clients, client);
    const setting = {
      ...{ candidate, engine, folder, samples, failures, loaded: stage.loaded, proofBegun: begun },
      left: () => Math.min(timeout, limit.left()),
    };
    const run = async () => {
      await mkdir(folder, { recursive: true });
      return await limit.during(() => playScenario(scenario, setting));
    };
    const turn: Turn = { engine, sets, work: sets + WORK_BESIDES, after: lastOf.get(client), run };
    lastOf.set(client, turn);
    turns.push(turn);
  }
  try {
    return await stage.schedule.all(turns);
  } finally {
    await rm(clients, { recursive: true, force: true });
  }
}

/** Work of a scenario besides loading databases, in loads: it takes them from our host, and verifies them. */
const WORK_BESIDES = 0.2;

/** Bytes of all staged CVDs together. */
async function sizeOf({ folder, staged }: Candidate): Promise<number> {
  const sizes = await Promise.all(
    [...staged.keys()].map(async (database) => (await stat(join(folder, cvdName(database)))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
