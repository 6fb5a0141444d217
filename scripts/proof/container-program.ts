import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { EngineError } from './engine.ts';
import { findProgram } from './find-program.ts';

const USUAL_PLACES = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', '/snap/bin'];
/** For one command that runs no tool, in milliseconds. */
const COMMAND_TIMEOUT = 60_000;
const OUTPUT_LIMIT = 16 * 1024 * 1024;

/** docker or podman; whatever else speaks docker's command line may stand for docker. */
export interface ContainerProgram {
  readonly path: string;
  readonly isPodman: boolean;
  /** Runs a command and returns its stdout. Throws `engine/broken`, also for an answer that takes too long. */
  command(args: readonly string[], timeout?: number): Promise<string>;
  /** The same while this process exits: it waits, and failure is ignored. */
  commandAtExit(args: readonly string[]): void;
}

/** The first of docker and podman that answers. Throws `engine/missing`. */
export async function findContainerProgram(path: string): Promise<ContainerProgram> {
  let cause: unknown = new Error('neither docker nor podman is installed');
  let found = false;
  for (const name of ['docker', 'podman']) {
    const program = await findProgram(name, path, USUAL_PLACES);
    if (program === undefined) continue;
    try {
      const command = commandOf(program);
      const isPodman = /podman/i.test(await command(['--version'])); // podman comes as `docker`, too
      await command(['info']); // which fails if the daemon does not answer
      return { path: program, isPodman, command, commandAtExit: (args) => commandAtExit(program, args) };
    } catch (error) {
      if (!found) cause = error; // docker's, if both fail
      found = true;
    }
  }
  throw new EngineError('engine/missing', 'no container engine answers', {
    cause,
    advice: 'Start docker (systemctl start docker) or install podman, and let this user use it',
  });
}

function commandOf(program: string): ContainerProgram['command'] {
  return async (args, timeout = COMMAND_TIMEOUT) => {
    try {
      const limits = { timeout, killSignal: 'SIGKILL', maxBuffer: OUTPUT_LIMIT } as const;
      const { stdout } = await promisify(execFile)(program, [...args], limits);
      return stdout;
    } catch (error) {
      throw new EngineError('engine/broken', `${program} ${args[0]} failed: ${reasonOf(error, timeout)}`);
    }
  };
}

function commandAtExit(program: string, args: readonly string[]): void {
  spawnSync(program, args, { stdio: 'ignore', timeout: COMMAND_TIMEOUT, killSignal: 'SIGKILL' });
}

/** What the program itself said; Node's message would repeat the whole command. */
function reasonOf(error: unknown, timeout: number): string {
  if (!(error instanceof Error)) return String(error);
  if ('killed' in error && error.killed === true) return `no answer after ${timeout / 1000} s`;
  const said = 'stderr' in error ? String(error.stderr).trim() : '';
  return said === '' ? error.message : said.slice(-1000);
}
