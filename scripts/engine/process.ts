import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { OUTPUT_CHARACTERS } from '../base/limits/engines.ts';
import { atExit } from './at-exit.ts';
import { EngineError, type Program, type ToolRun } from './engine.ts';
import { measureMemory, type SeenProcess } from './memory-use.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Location of the programs that we start, and the environment that they get. */
export interface Programs {
  /** PATH that leads to the programs. */
  readonly path: string;
  readonly environment: {
    /** Environment for ClamAV: only what it needs to run. Its configuration has the proxy, for one URL. */
    readonly tools: Environment;
    /** Environment for docker, podman and apt, which reach engines and registries by themselves. */
    readonly services: Environment;
  };
}

export interface ProgramOptions {
  readonly folder: string;
  /** Time limit in milliseconds; then the program is killed. */
  readonly timeout: number;
  /** Sees each line of output, and says whether to keep it. By default all are kept. */
  readonly isKept?: ((line: string) => boolean) | undefined;
  /** Whole environment of the program. It inherits nothing from this process. */
  readonly environment: Environment;
  /** Processes whose memory is measured; by default those of its process group. */
  readonly measured?: (process: SeenProcess) => boolean;
}

/**
 * Starts a program in a process group of its own, which ends with the program, with its time limit, or with this
 * process.
 */
export async function startProgram(
  command: readonly [program: string, ...args: string[]],
  options: ProgramOptions,
): Promise<Program> {
  const [program, ...args] = command;
  const child = spawned(program, args, options);
  let output = '';
  let timedOut = false;
  let isOurs = false;
  const keep = (text: string) => {
    if (output.length < OUTPUT_CHARACTERS) output += text;
  };
  for (const stream of [child.stdout, child.stderr]) {
    const { isKept } = options;
    if (isKept === undefined) stream.on('data', (chunk: Buffer) => keep(chunk.toString('utf8')));
    else createInterface({ input: stream }).on('line', (line) => isKept(line) && keep(`${line}\n`));
  }
  const kill = () => {
    isOurs = true;
    killGroup(child.pid);
  };
  const { measured = ({ group }: SeenProcess) => group === child.pid } = options;
  const meter = measureMemory(measured);
  const cancel = atExit(kill); // a separate process group does not end with this process
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, options.timeout);
  const ended = new Promise<ToolRun>((resolve, reject) => {
    child.once('error', (cause) => reject(cannotRun(program, cause)));
    child.once('close', (exitCode, signal) =>
      resolve({ exitCode, timedOut, signal: isOurs ? undefined : (signal ?? undefined), output }),
    );
  }).finally(() => {
    clearTimeout(timer);
    meter.stop();
    cancel();
  });
  ended.catch(() => {}); // a caller who waits gets the error
  return {
    output: () => output,
    peakMemory: () => meter.peak(),
    ended,
    stop: async () => {
      kill();
      return await ended;
    },
  };
}

/** Spawns a program. Some errors come at once, such as that of a file which somebody writes to (ETXTBSY). */
function spawned(program: string, args: readonly string[], { folder, environment }: ProgramOptions) {
  try {
    return spawn(program, args, {
      cwd: folder,
      env: { ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
  } catch (cause) {
    throw cannotRun(program, cause);
  }
}

function cannotRun(program: string, cause: unknown): EngineError {
  return new EngineError('engine/broken', `cannot run ${program}`, { cause });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // the group has already ended
  }
}
