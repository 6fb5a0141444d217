import { codeOf, explain } from '../base/errors.ts';
import { secondsSince } from '../base/stopwatch.ts';
import { type Engine, EngineError } from '../engine/engine.ts';
import { oomKills } from '../engine/oom-kills.ts';
import { requireNoLack } from '../engine/shortages.ts';
import { recorded, Transcript } from '../engine/transcript.ts';
import type { ScenarioResult } from './record.ts';
import { SampleError } from './samples/user-samples.ts';
import { Disturbed, OutOfTime, type Scenario, ScenarioSkipped, type Scene } from './scenarios/scenario.ts';

/** Scene to be set: its tools are recorded, and its time is what is left when it begins. */
export interface Setting extends Omit<Scene, 'timeout' | 'transcript'> {
  /** Milliseconds for one run of a tool from now on. */
  readonly left: () => number;
  /** Folder for the transcripts of failed scenarios. By default none are kept. */
  readonly failures?: string | undefined;
  /** Start of the proof, a time of `performance.now()`. */
  readonly proofBegun: number;
}

/**
 * Plays a scenario, and once more if its failure may be temporary: this machine was busy, or somebody interfered. Throws
 * `EngineError` and the like if the engine or its machine is to blame.
 */
export async function playScenario(scenario: Scenario, setting: Setting): Promise<ScenarioResult> {
  const { left, failures, proofBegun, ...given } = setting;
  const transcript = new Transcript();
  const engine = recorded(given.engine, transcript);
  const attempt = () => scenario.play({ ...given, engine, transcript, timeout: left() });
  const begun = performance.now();
  const began = Math.round(begun - proofBegun) / 1000;
  const kills = await oomKills();
  const done = (result: ScenarioResult['result'], evidence: string): ScenarioResult => {
    const duration = secondsSince(begun);
    return { engine: engine.name, scenario: scenario.name, result, evidence, began, duration };
  };
  try {
    return done('passed', await playTwice(attempt, transcript));
  } catch (error) {
    if (error instanceof ScenarioSkipped) return done('skipped', error.message);
    const reason = explain(error);
    if (failures !== undefined) await transcript.keep(failures, `${engine.name} ${scenario.name}`, reason);
    if (error instanceof Disturbed) throw disturbed(engine, error);
    if (error instanceof EngineError || error instanceof SampleError || isShortage(error)) throw error;
    for (const ended of transcript.runs) requireNoLack(engine, ended);
    if ((await oomKills()) > kills) requireNoLack(engine, OUT_OF_MEMORY);
    return done('failed', reason);
  }
}

async function playTwice(attempt: () => Promise<string>, transcript: Transcript): Promise<string> {
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof OutOfTime || error instanceof Disturbed)) throw error;
    transcript.add('tried once more', explain(error));
    return await attempt();
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
