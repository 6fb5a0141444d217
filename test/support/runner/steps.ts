import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { data } from '@actions/expressions';
import type { FunctionDefinition } from '@actions/expressions/funcs/info';
import { carryOut } from './carry-out.ts';
import { fill, fillAll, fillValue, holds, type Scope, type Status, statusFunctions } from './expressions.ts';
import type { Machine, Result, StepResult } from './machine.ts';
import type { Step } from './model.ts';

/** A list of steps: those of a job, or those of a composite action that one of them uses. */
export interface Level {
  /** Without `env`, `steps`, `job` and `runner`. */
  readonly contexts: Readonly<Record<string, unknown>>;
  readonly github: Readonly<Record<string, unknown>>;
  /** What success() and failure() look at: the `job` context itself, or an action's own. */
  readonly status: { status: Result };
  /** The `env` of the step that uses the action: it wins over what its steps write into GITHUB_ENV. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ends the running step. */
  readonly signal: AbortSignal;
  /** The step that uses the action, which annotations are shown at. */
  readonly top?: string;
  readonly steps: Record<string, { outputs: Record<string, string>; outcome: Result; conclusion: Result }>;
}

/** The reasons for which a signal ends a step. */
export const TIMED_OUT = new Error('timed out');
export const CANCELLED = new Error('The operation was canceled.');

/** Runs one step after the other; each decides by its `if` whether it runs. */
export async function runSteps(
  machine: Machine,
  steps: readonly Step[],
  level: Level,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (const step of steps) {
    const result = await runStep(machine, step, level);
    results.push(result);
    if (step.id !== undefined) {
      const { outputs, outcome, conclusion } = result;
      level.steps[step.id] = { outputs, outcome, conclusion };
    }
    if (result.conclusion === 'failure' && level.status.status === 'success') level.status.status = 'failure';
    if (result.conclusion === 'cancelled') level.status.status = 'cancelled';
  }
  return results;
}

async function runStep(machine: Machine, step: Step, level: Level): Promise<StepResult> {
  const start = machine.log.lines.length;
  const github = { ...level.github, action: step.id ?? '__step' };
  const functions = [...statusFunctions(statusAt(machine, level)), hashFiles(machine.folders.workspace)];
  const env = { ...machine.environment, ...level.environment };
  const scope = (): Scope => ({
    contexts: {
      ...level.contexts,
      github,
      env,
      steps: level.steps,
      job: machine.job,
      runner: machine.runner,
    },
    functions,
  });
  let name = nameOf(step, step.name ?? '');
  const top = level.top ?? name;
  const controller = new AbortController();
  const outputs: Record<string, string> = {};
  const nested: StepResult[] = [];
  const error = (message: string) =>
    machine.log.issue({ level: 'error', message, properties: {}, step: top });
  const result = (outcome: Result, conclusion = outcome): StepResult => {
    const log = machine.log.lines.slice(start).join('\n');
    return { name: machine.log.masked(name), id: step.id, outcome, conclusion, outputs, log, steps: nested };
  };

  // When the job is to end, a step goes on whose condition holds even then.
  const onEnd = () => {
    if (level.top === undefined) machine.job.status = 'cancelled';
    if (!quietly(() => holds(step.if, scope()))) controller.abort(CANCELLED);
  };
  const onParentEnd = () => controller.abort(level.signal.reason);
  try {
    if (machine.signal.aborted) machine.job.status = 'cancelled';
    Object.assign(env, fillAll(step.env, scope()));
    if (!holds(step.if, scope())) return result('skipped');
    name = nameOf(step, quietly(() => fill(step.name ?? '', scope())) ?? '');
    if (!machine.signal.aborted) machine.signal.addEventListener('abort', onEnd, { once: true });
    if (level.top !== undefined) {
      if (level.signal.aborted) onParentEnd();
      else level.signal.addEventListener('abort', onParentEnd, { once: true });
    }
    const limit = Number(fill(step['timeout-minutes'] ?? '0', scope())) * machine.place.minute;
    const timer = limit > 0 ? setTimeout(() => controller.abort(TIMED_OUT), limit) : undefined;
    let outcome: Result;
    try {
      const running = { machine, level: { ...level, github }, step, top, env, outputs, nested, error };
      outcome = await carryOut({ ...running, scope: scope(), signal: controller.signal });
    } catch (problem) {
      const minutes = step['timeout-minutes'];
      if (problem !== TIMED_OUT) error(problem instanceof Error ? problem.message : String(problem));
      else if (minutes === undefined)
        error('The action has timed out.'); // the step that uses it has
      else error(`The action '${name}' has timed out after ${fill(minutes, scope())} minutes.`);
      outcome = problem === CANCELLED ? 'cancelled' : 'failure';
    } finally {
      clearTimeout(timer);
    }
    const forgiven = outcome === 'failure' && fillValue(step['continue-on-error'] ?? 'false', scope());
    return result(outcome, forgiven === true || forgiven === 'true' ? 'success' : outcome);
  } catch (problem) {
    error(problem instanceof Error ? problem.message : String(problem));
    return result('failure');
  } finally {
    machine.signal.removeEventListener('abort', onEnd);
    level.signal.removeEventListener('abort', onParentEnd);
  }
}

/** In a composite action, success() and failure() are about the action's own steps, cancelled() is about the job. */
function statusAt(machine: Machine, level: Level): Status {
  return {
    success: () => level.status.status === 'success',
    failure: () => level.status.status === 'failure',
    cancelled: () => machine.job.status === 'cancelled',
  };
}

function nameOf(step: Step, name: string): string {
  if (name !== '') return name;
  return `Run ${step.uses ?? step.run?.trimStart().split('\n')[0] ?? ''}`;
}

/** The SHA-256 of the SHA-256 of each file, or nothing if there is none. */
function hashFiles(workspace: string): FunctionDefinition {
  return {
    name: 'hashFiles',
    minArgs: 1,
    maxArgs: 255,
    call: (...patterns) => {
      const files = globSync(
        patterns.map((pattern) => pattern.coerceString()),
        { cwd: workspace },
      );
      const all = createHash('sha256');
      for (const file of files.sort()) {
        all.update(
          createHash('sha256')
            .update(readFileSync(join(workspace, file)))
            .digest(),
        );
      }
      return new data.StringData(files.length === 0 ? '' : all.digest('hex'));
    },
  };
}

function quietly<T>(what: () => T): T | undefined {
  try {
    return what();
  } catch {
    return undefined;
  }
}
