import { spawn } from 'node:child_process';
import { OUTPUT_CHARACTERS } from '../base/limits/engines.ts';
import { atExit } from './at-exit.ts';
import { EngineError, type Program, type ToolRun } from './engine.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the programs are that we start, and all of our environment that they get. */
export interface Programs {
  /** A PATH. */
  readonly path: string;
  readonly environment: {
    /** For ClamAV: what it needs to run. A proxy stands in its configuration, for the URL that it is for. */
    readonly tools: Environment;
    /** For docker, podman and apt, which reach engines and registries by themselves. */
    readonly services: Environment;
  };
}

export interface ProgramOptions {
  readonly folder: string;
  /** Milliseconds; then it is killed. */
  readonly timeout: number;
  /** All of it: of this process's own nothing is inherited. */
  readonly environment: Environment;
}

/** Starts a program in a process group of its own, which ends with it, with its time, or with this process. */
export async function startProgram(
  command: readonly [program: string, ...args: string[]],
  options: ProgramOptions,
): Promise<Program> {
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd: options.folder,
    env: { ...options.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  let timedOut = false;
  let isOurs = false;
  const keep = (chunk: Buffer) => {
    if (output.length < OUTPUT_CHARACTERS) output += chunk.toString('utf8');
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const kill = () => {
    isOurs = true;
    killGroup(child.pid);
  };
  const cancel = atExit(kill); // its own process group does not end with ours
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, options.timeout);
  const ended = new Promise<ToolRun>((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new EngineError('engine/broken', `cannot run ${program}`, { cause })),
    );
    child.once('close', (exitCode, signal) =>
      resolve({ exitCode, timedOut, signal: isOurs ? undefined : (signal ?? undefined), output }),
    );
  }).finally(() => {
    clearTimeout(timer);
    cancel();
  });
  ended.catch(() => {}); // whoever waits for it is told; nobody else need be
  return {
    output: () => output,
    ended,
    stop: async () => {
      kill();
      return await ended;
    },
  };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}
