import { rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { TRIALS_BYTES } from '../../base/limits/machine.ts';
import { atExit } from '../../engine/at-exit.ts';
import { replaceFile } from '../../files/atomic.ts';
import { readNote } from '../../files/open.ts';
import type { Survey } from '../database.ts';
import { type Tried, triedOf } from './tried.ts';

/** Notes of what is being tried, in the work folder. */
export const TRIALS_FILE = 'trying.json';

/** So many runs must have died of a version: one may have been ended by anything. */
export const DEADLY = 2;

/** Exit codes above this one say which signal ended a process. */
const SIGNALLED = 128;

const TrialSchema = v.object({
  version: v.pipe(v.number(), v.safeInteger()),
  md5: v.pipe(v.string(), v.maxLength(32)),
  /** Runs that began with it and came to no end. */
  deaths: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
});
const TrialsSchema = v.record(v.string(), TrialSchema);
type Trial = v.InferOutput<typeof TrialSchema>;

/**
 * Notes for the run after one that died: whoever runs out of memory, or is killed, cannot say of what. A note is written
 * before a version's bytes are read for the first time, and removed in every end that is one, a signal's too. What is
 * still there when a run begins was the death of another.
 */
export class Trials {
  readonly #path: string;
  readonly #trials: Map<string, Trial>;

  private constructor(path: string, trials: Map<string, Trial>) {
    this.#path = path;
    this.#trials = trials;
  }

  /** Notes that cannot be understood are none. */
  static async load(workFolder: string): Promise<Trials> {
    const path = join(workFolder, TRIALS_FILE);
    const parsed = v.safeParse(TrialsSchema, await readNote(path, TRIALS_BYTES));
    return new Trials(path, new Map(parsed.success ? Object.entries(parsed.output) : []));
  }

  /**
   * The turns in which these databases are synced. After a run that died, those that it may have died of come last, each by
   * itself, so that the others are published in any case.
   */
  turns(databases: readonly string[]): (readonly string[])[] {
    const suspects = databases.filter((database) => this.#trials.has(database));
    const others = databases.filter((database) => !suspects.includes(database));
    return [others, ...suspects.map((database) => [database])].filter((turn) => turn.length > 0);
  }

  /** Number of runs that died of it. */
  deathsOf(database: string, tried: Tried): number {
    const trial = this.#trials.get(database);
    return trial !== undefined && isSame(trial, tried) ? trial.deaths : 0;
  }

  /** Notes what is tried now, as if this run were to die of it; returns what takes the notes back. */
  async begin(surveys: readonly Survey[]): Promise<AsyncDisposable> {
    const tried = new Map<string, Tried>();
    for (const survey of surveys) {
      const one = triedOf(survey);
      if (one !== undefined) tried.set(survey.database, one);
    }
    for (const [database, { version, md5 }] of tried) {
      this.#trials.set(database, { version, md5, deaths: this.deathsOf(database, { version, md5 }) + 1 });
    }
    const cancel = atExit(() => {
      if (Number(process.exitCode) <= SIGNALLED) return; // it ends because it failed: that is a death
      for (const database of tried.keys()) this.#trials.delete(database);
      if (this.#trials.size === 0) rmSync(this.#path, { force: true });
      else writeFileSync(this.#path, this.#text());
    });
    await this.#save();
    return {
      [Symbol.asyncDispose]: async () => {
        for (const database of tried.keys()) this.#trials.delete(database);
        await this.#save();
        cancel();
      },
    };
  }

  async forget(databases: readonly string[]): Promise<void> {
    const known = databases.filter((database) => this.#trials.delete(database));
    if (known.length > 0) await this.#save();
  }

  async #save(): Promise<void> {
    if (this.#trials.size === 0) await rm(this.#path, { force: true });
    else await replaceFile(this.#path, this.#text());
  }

  #text(): string {
    return `${JSON.stringify(Object.fromEntries(this.#trials))}\n`;
  }
}

function isSame(one: Tried, other: Tried): boolean {
  return one.version === other.version && one.md5 === other.md5;
}
