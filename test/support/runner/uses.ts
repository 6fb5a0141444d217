import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { addPath, type Running } from './carry-out.ts';
import { fill, fillAll, holds, statusFunctions } from './expressions.ts';
import type { Machine, Result } from './machine.ts';
import { type Action, readAction } from './model.ts';
import { runCommand } from './process.ts';
import { copyFiles, type StandIn } from './stand-ins.ts';
import { type Level, runSteps } from './steps.ts';

/** Carries out a step that says `uses`: an action of the workspace (`./`), of the workflow's repository (`$/`), or a stand-in. */
export async function runAction(running: Running): Promise<Result> {
  const { machine, step, scope } = running;
  const uses = step.uses ?? '';
  const given = fillAll(step.with, scope);
  const standIn = machine.place.actions[uses.split('@')[0] ?? ''];
  if (standIn !== undefined) return await runStandIn(running, standIn, given);
  const folder = await folderOf(machine, uses);
  const action = await readAction(folder, uses);
  const unexpected = Object.keys(given).filter((name) => !(name.toLowerCase() in lowered(action.inputs)));
  if (unexpected.length > 0) {
    const valid = Object.keys(action.inputs).map((name) => `'${name}'`);
    const message = `Unexpected input(s) ${unexpected.map((name) => `'${name}'`).join(', ')}, valid inputs are [${valid.join(', ')}]`;
    machine.log.issue({ level: 'warning', message, properties: {}, step: running.top });
  }
  const inputs = inputsOf(action, given, running);
  machine.log.write(`##[group]Run ${uses}`);
  machine.log.write(
    ['with:', ...Object.entries(inputs).map(([key, value]) => `  ${key}: ${value}`), '##[endgroup]'].join(
      '\n',
    ),
  );
  const { runs } = action;
  if (runs.using !== 'composite') return await runScriptAction(running, folder, runs as NodeRuns, inputs);
  return await runComposite(running, { ...action, folder, steps: (runs as CompositeRuns).steps }, inputs);
}

type NodeRuns = Extract<Action['runs'], { main: string }>;
type CompositeRuns = Extract<Action['runs'], { steps: unknown }>;

/** What was given, and the defaults, in which an action may look at `github`. */
function inputsOf(
  action: Action,
  given: Readonly<Record<string, string>>,
  { level, machine }: Running,
): Record<string, string> {
  const scope = { contexts: { github: level.github, job: machine.job, runner: machine.runner } };
  const lower = lowered(given);
  const entries = Object.entries(action.inputs).map(([name, { default: usual }]) => {
    return [name, lower[name.toLowerCase()] ?? fill(usual ?? '', scope)];
  });
  return Object.fromEntries(entries);
}

/** Its steps see its inputs and nothing of the job's secrets, variables and needs; they get no INPUT_* variables. */
async function runComposite(
  running: Running,
  action: Pick<Action, 'outputs'> & { readonly folder: string; readonly steps: CompositeRuns['steps'] },
  inputs: Readonly<Record<string, string>>,
): Promise<Result> {
  const { machine, level, env, signal, top, outputs, nested } = running;
  const status = { status: 'success' as Result };
  const inner: Level = {
    contexts: { inputs },
    github: { ...level.github, action_path: action.folder },
    status,
    environment: env,
    signal,
    top,
    steps: {},
  };
  nested.push(...(await runSteps(machine, action.steps, inner)));
  const contexts = {
    inputs,
    github: inner.github,
    steps: inner.steps,
    job: machine.job,
    runner: machine.runner,
    env,
  };
  for (const [name, { value }] of Object.entries(action.outputs)) {
    outputs[name] = fill(value ?? '', { contexts });
  }
  return status.status;
}

/** An action in JavaScript of our own: INPUT_* and the runtime's variables are for it alone. */
async function runScriptAction(
  running: Running,
  folder: string,
  runs: NodeRuns,
  inputs: Readonly<Record<string, string>>,
): Promise<Result> {
  const { machine, signal, onLine, state, error, top, level } = running;
  const { place } = machine;
  const named = Object.entries(inputs).map(([name, value]) => [
    `INPUT_${name.replaceAll(' ', '_').toUpperCase()}`,
    value,
  ]);
  const command = (file: string, more: Readonly<Record<string, string>>, until: AbortSignal) =>
    runCommand({
      program: place.node,
      args: [join(folder, file)],
      folder: machine.folders.workspace,
      environment: { ...running.environment(), ...Object.fromEntries(named), ...runtimeOf(machine), ...more },
      onLine,
      signal: until,
      patience: place.patience,
    });
  const { post } = runs;
  if (post !== undefined) {
    const isWanted = () =>
      holds(runs['post-if'] ?? 'always()', {
        contexts: { github: level.github, job: machine.job, runner: machine.runner, inputs },
        functions: statusFunctions({
          success: () => machine.job.status === 'success',
          failure: () => machine.job.status === 'failure',
          cancelled: () => machine.job.status === 'cancelled',
        }),
      });
    const states = () =>
      Object.fromEntries(Object.entries(state).map(([key, value]) => [`STATE_${key}`, value]));
    machine.posts.push({
      name: `Post ${top}`,
      run: async () => {
        if (!isWanted()) return;
        const code = await command(post, states(), new AbortController().signal);
        if (code !== 0) throw new Error(`Post ${top} ended with exit code ${code}`);
      },
    });
  }
  const code = await command(runs.main, {}, signal);
  if (code !== 0) error(`Process completed with exit code ${code}.`);
  return code === 0 ? 'success' : 'failure';
}

async function runStandIn(
  running: Running,
  standIn: StandIn,
  inputs: Readonly<Record<string, string>>,
): Promise<Result> {
  const { machine, signal, onLine, outputs, top, step } = running;
  machine.log.write(`##[group]Run ${step.uses}`);
  machine.log.write(
    ['with:', ...Object.entries(inputs).map(([key, value]) => `  ${key}: ${value}`), '##[endgroup]'].join(
      '\n',
    ),
  );
  signal.throwIfAborted();
  const environment = { ...running.environment(), ...runtimeOf(machine) };
  const { workspace } = machine.folders;
  await standIn({
    inputs,
    environment,
    workspace,
    tools: machine.folders.tools,
    signal,
    repository: (name) => repositoryOf(machine, name),
    log: onLine,
    output: (name, value) => {
      outputs[name] = value;
    },
    exportVariable: (name, value) => {
      machine.environment[name] = value;
    },
    addPath: (folder) => addPath(machine, folder),
    node: async (module) => {
      const { node, patience } = machine.place;
      const args = ['--input-type=module', '--eval', module];
      const command = { program: node, args, folder: workspace, environment, onLine, signal, patience };
      const code = await runCommand(command);
      if (code !== 0) throw new Error(`Process completed with exit code ${code}.`);
    },
    atEnd: (run) => machine.posts.push({ name: `Post ${top}`, run }),
  });
  signal.throwIfAborted();
  return 'success';
}

/** What the runner gives to actions: the cache service's address and token above all. */
function runtimeOf({ place, idToken }: Machine): Record<string, string> {
  const identity = idToken && place.oidc !== undefined ? place.oidc : undefined;
  if (identity === undefined) return { ...place.runtime };
  return {
    ...place.runtime,
    ACTIONS_ID_TOKEN_REQUEST_URL: identity.url,
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: identity.token,
  };
}

async function folderOf(machine: Machine, uses: string): Promise<string> {
  if (uses.startsWith('./')) return join(machine.folders.workspace, uses);
  if (!uses.startsWith('$/')) throw new Error(`Unable to resolve action ${uses}: nothing stands for it`);
  const copy = join(machine.folders.actions, machine.workflowRepository);
  const isThere = await access(copy).then(
    () => true,
    () => false,
  );
  if (!isThere) await copyFiles(repositoryOf(machine, machine.workflowRepository), copy);
  return join(copy, uses.slice(2));
}

function repositoryOf({ place }: Machine, name: string): string {
  const folder = place.repositories[name];
  if (folder === undefined) throw new Error(`Not Found: no files stand for the repository ${name}`);
  return folder;
}

function lowered<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key.toLowerCase(), value]));
}
