import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { parse } from 'yaml';
import { environment as gitHubVariables } from '../notify/support.ts';
import { parsePairs } from '../support/runner/command-files.ts';
import { fill, fillAll } from '../support/runner/expressions.ts';
import { type Annotation, JobLog, lineReader } from '../support/runner/log.ts';
import { NODE, PROJECT } from '../support/runner/stand-ins.ts';

export type Inputs = Readonly<Record<string, string>>;

/** What the last step of the action did, as the runner has it. */
export interface ActionRun {
  readonly exitCode: number | null;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  /** Each line that it wrote, before anything is masked. */
  readonly said: readonly string[];
  /** What the runner makes of that. */
  readonly log: string;
  readonly annotations: readonly Annotation[];
  /** `error: …`, `warning: …` */
  readonly told: string;
}

export interface Caller extends AsyncDisposable {
  /** The job's workspace. */
  readonly folder: string;
  call(inputs: Inputs): Promise<ActionRun>;
}

interface Action {
  readonly inputs: Readonly<Record<string, { readonly default: string }>>;
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly runs: { readonly steps: readonly { id?: string; run: string; env: Inputs }[] };
}

export const action: Action = parse(await readFile(join(PROJECT, 'action.yml'), 'utf8'));

/**
 * Calls the action as the runner does, once its packages are installed: a shell with the script and the variables that
 * action.yml has, a home, a PATH, files to answer in, and nothing else. `github`: the API that it is told of.
 */
export async function startCaller(
  github = { url: 'http://127.0.0.1:9', slug: 'acme/mirror' },
): Promise<Caller> {
  const root = await mkdtemp(join(tmpdir(), 'action-'));
  const folder = join(root, 'work');
  const token = 'ghs_ofTheWorkflow';
  await mkdir(join(root, 'home'), { recursive: true });
  await mkdir(folder);
  const { run = '', env = {} } = action.runs.steps.find(({ id }) => id === 'mirror') ?? {};
  let count = 0;
  return {
    folder,
    async call(given) {
      const unknown = Object.keys(given).filter((name) => !Object.hasOwn(action.inputs, name));
      if (unknown.length > 0) throw new Error(`no inputs of the action: ${unknown}`);
      const contexts = { github: { token }, steps: { cache: { outputs: {} } } };
      const inputs = Object.entries(action.inputs).map(([name, { default: usual }]) => {
        return [name, given[name] ?? fill(usual, { contexts })];
      });
      const temporary = join(root, `temp-${++count}`);
      await mkdir(temporary);
      const files = {
        GITHUB_OUTPUT: join(temporary, 'output'),
        GITHUB_STEP_SUMMARY: join(temporary, 'summary'),
      };
      for (const file of Object.values(files)) await writeFile(file, '');
      const { CLAMAV_MIRROR_GITHUB_TOKEN: _, ...variables } = gitHubVariables(
        { ...github, token },
        String(1000 + count),
      );
      const child = spawn('bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', '-c', run], {
        cwd: folder,
        env: {
          ...fillAll(env, { contexts: { ...contexts, inputs: Object.fromEntries(inputs) } }),
          ...variables,
          ...files,
          GITHUB_ACTIONS: 'true',
          NODE_COMPILE_CACHE: join(PROJECT, '.cache', 'node'), // Node starts twice as fast with it
          GITHUB_ACTION_PATH: PROJECT,
          RUNNER_TEMP: temporary,
          HOME: join(root, 'home'),
          PATH: `${dirname(NODE)}:${process.env.PATH}`,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const said: string[] = [];
      const log = new JobLog(() => {});
      const read = lineReader(log, {
        step: 'Run',
        debug: false,
        told: {
          output: (name) => said.push(`the output ${name} came by a line`),
          state: () => {},
          refuse: (message) => said.push(message),
        },
      });
      for (const stream of [child.stdout, child.stderr]) {
        createInterface(stream).on('line', (line) => {
          said.push(line);
          read(line);
        });
      }
      const [exitCode] = await once(child, 'close');
      return {
        exitCode,
        outputs: Object.fromEntries(parsePairs(await readFile(files.GITHUB_OUTPUT, 'utf8'))),
        summary: await readFile(files.GITHUB_STEP_SUMMARY, 'utf8'),
        said,
        log: log.lines.join('\n'),
        annotations: log.annotations,
        told: log.annotations.map(({ level, message }) => `${level}: ${message}`).join('\n'),
      };
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
