import { makeCommandFiles, parsePairs } from './command-files.ts';
import type { Scope } from './expressions.ts';
import { lineReader } from './log.ts';
import { environmentOf, type Machine, type Result, type StepResult } from './machine.ts';
import type { Step } from './model.ts';
import { runScript } from './script.ts';
import type { Level } from './steps.ts';
import { runAction } from './uses.ts';

/** What a step does while it runs. */
export interface Running {
  readonly machine: Machine;
  readonly level: Level;
  readonly step: Step;
  readonly top: string;
  readonly scope: Scope;
  /** The `env` context. */
  readonly env: Readonly<Record<string, string>>;
  /** For programs: `env`, and the files by which they talk to the runner. */
  environment(): Record<string, string>;
  readonly signal: AbortSignal;
  readonly outputs: Record<string, string>;
  readonly state: Record<string, string>;
  readonly nested: StepResult[];
  onLine(line: string): void;
  error(message: string): void;
}

/** GitHub takes this much for a summary from one step, in bytes. */
const SUMMARY_LIMIT = 1024 * 1024;
type Given = Omit<Running, 'environment' | 'onLine' | 'state'>;

/** Does what the step says, and takes in what it left in its files whatever became of it. */
export async function carryOut(given: Given): Promise<Result> {
  const { machine, top, outputs, step, error } = given;
  const files = await makeCommandFiles(machine.folders.temporary);
  const state: Record<string, string> = {};
  let refused = false;
  const refuse = (message: string) => {
    refused = true;
    error(message);
  };
  const onLine = lineReader(machine.log, {
    step: top,
    debug: machine.place.debug,
    told: {
      output: (name, value) => Object.assign(outputs, { [name]: value }),
      state: (name, value) => Object.assign(state, { [name]: value }),
      refuse,
    },
  });
  const { github } = given.level;
  const environment = () => ({ ...environmentOf(machine, github, given.env), ...files.environment });
  const running: Running = { ...given, environment, onLine, state };
  let outcome: Result = 'failure';
  try {
    outcome = step.run !== undefined ? await runScript(running) : await runAction(running);
  } finally {
    const take = async (name: string, read: () => Promise<void>) => {
      await read().catch((problem: Error) => {
        refuse(`Unable to process file command '${name}' successfully.`);
        error(problem.message);
      });
    };
    await take('env', async () => {
      for (const [name, value] of parsePairs(await files.read('ENV'))) {
        if (name.toUpperCase() === 'NODE_OPTIONS') {
          throw new Error(`Can't store ${name} output parameter using '$GITHUB_ENV' command.`);
        }
        machine.environment[name] = value;
      }
    });
    await take('path', async () => {
      for (const folder of (await files.read('PATH')).split(/\r?\n/)) addPath(machine, folder);
    });
    await take('output', async () => {
      Object.assign(outputs, Object.fromEntries(parsePairs(await files.read('OUTPUT'))));
    });
    await take('state', async () => {
      Object.assign(state, Object.fromEntries(parsePairs(await files.read('STATE'))));
    });
    const summary = await files.read('STEP_SUMMARY');
    const size = Buffer.byteLength(summary);
    if (size > SUMMARY_LIMIT) {
      const kibibytes = Math.ceil(size / 1024);
      error(
        `$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k, got ${kibibytes}k.`,
      );
    } else if (size > 0) machine.summaries.push(machine.log.masked(summary));
  }
  return refused ? 'failure' : outcome;
}

export function addPath(machine: Machine, folder: string): void {
  if (folder === '') return;
  const at = machine.paths.indexOf(folder);
  if (at !== -1) machine.paths.splice(at, 1);
  machine.paths.push(folder);
}
