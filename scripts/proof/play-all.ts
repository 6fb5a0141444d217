import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { ENGINE_MS, TOOL_MS } from '../base/limits/engines.ts';
import { type Log, SILENT } from '../base/log.ts';
import { secondsSince } from '../base/stopwatch.ts';
import { cvdName } from '../cvd/names.ts';
import { type Engine, EngineError } from '../engine/engine.ts';
import { MemoryBudget, type Need } from './memory-budget.ts';
import { playScenario } from './play.ts';
import type { Proof, ScenarioResult } from './record.ts';
import type { UserSample } from './samples/user-samples.ts';
import type { Candidate, Scenario } from './scenarios/scenario.ts';
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

/**
 * Lets every engine prove a candidate in its own way, and records what came of it. The engines share turns and memory. Throws
 * the error of an engine that cannot judge.
 */
export async function proveByAll(
  engines: readonly Engine[],
  candidate: Candidate,
  options: ProveOptions,
  proveBy: (engine: Engine, playing: Playing) => Promise<readonly ScenarioResult[]>,
): Promise<Proof> {
  const started = options.now();
  const begun = performance.now();
  if (engines.length === 0) {
    throw new EngineError('engine/missing', 'no engine is available for the proof');
  }
  const { memory = process.availableMemory(), log = SILENT } = options;
  const stage = openStage(new MemoryBudget(await sizeOf(candidate), memory), log);
  const proofs = await Promise.allSettled(
    engines.map((engine) => proveBy(engine, { ...options, ...stage, begun })),
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
}

/** Plays scenarios: those of one client in order and in one folder, those of others beside them. */
export async function playAll(
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

export interface Playing extends ProveOptions, Stage {
  /** Start of the proof, a time of `performance.now()`. */
  readonly begun: number;
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
