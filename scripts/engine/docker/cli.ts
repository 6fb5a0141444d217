import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { CONTAINER_COMMAND_MS, CONTAINER_OUTPUT_BYTES } from '../../base/limits/engines.ts';
import { findProgram } from '../../files/find-program.ts';
import { EngineError, type Task, variablesOf } from '../engine.ts';
import type { Environment } from '../process.ts';

const USUAL_PLACES = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin', '/snap/bin'];

/**
 * Options that remove proxies which docker puts into every container (~/.docker/config.json, "proxies") or which an
 * image has: a tool would ask the proxy for our host on loopback. curl takes an empty proxy as none.
 */
export const WITHOUT_PROXIES: readonly string[] = ['http', 'https', 'all', 'ftp', 'no'].flatMap((kind) => [
  `--env=${kind}_proxy=`,
  `--env=${kind.toUpperCase()}_PROXY=`,
]);

/** Options that set the variables of a task whose folder is `inside` in the container. */
export function withVariables(task: Task, inside: string): string[] {
  return Object.entries(variablesOf(task, inside)).map(([name, value]) => `--env=${name}=${value}`);
}

/** docker or podman. Any program with the command line of docker may stand in for docker. */
export interface ContainerProgram {
  readonly path: string;
  readonly isPodman: boolean;
  /** Part of our environment that it gets. Its containers get nothing of that. */
  readonly environment: Environment;
  /** Runs a command and returns its stdout. Throws `engine/broken`, also if the answer takes too long. */
  command(args: readonly string[], timeout?: number): Promise<string>;
  /** Runs a command while this process exits. It waits for the end and ignores failure. */
  commandAtExit(args: readonly string[]): void;
}

/**
 * Finds the first of docker and podman that answers. `path` is a PATH. The program gets that and `given` as its whole
 * environment. Throws `engine/missing`.
 */
export async function findContainerProgram(path: string, given: Environment = {}): Promise<ContainerProgram> {
  const environment = { ...given, PATH: path };
  let cause: unknown = new Error('neither docker nor podman is installed');
  let found = false;
  for (const name of ['docker', 'podman']) {
    const program = await findProgram(name, path, USUAL_PLACES);
    if (program === undefined) continue;
    try {
      const command = commandOf(program, environment);
      const isPodman = /podman/i.test(await command(['--version'])); // podman may be installed as `docker`
      await command(['info']); // fails if the daemon does not answer
      const atExit = (args: readonly string[]) => commandAtExit(program, args, environment);
      return { path: program, isPodman, environment, command, commandAtExit: atExit };
    } catch (error) {
      if (!found) cause = error; // report the error of docker if both fail
      found = true;
    }
  }
  throw new EngineError('engine/missing', 'no container engine answers', {
    cause,
    advice: 'Start docker (systemctl start docker) or install podman, and let this user use it',
  });
}

function commandOf(program: string, environment: Environment): ContainerProgram['command'] {
  const env = { ...environment };
  return async (args, timeout = CONTAINER_COMMAND_MS) => {
    try {
      const limits = { env, timeout, killSignal: 'SIGKILL', maxBuffer: CONTAINER_OUTPUT_BYTES } as const;
      const { stdout } = await promisify(execFile)(program, [...args], limits);
      return stdout;
    } catch (error) {
      throw new EngineError('engine/broken', `${program} ${args[0]} failed: ${reasonOf(error, timeout)}`);
    }
  };
}

function commandAtExit(program: string, args: readonly string[], environment: Environment): void {
  const limits = { timeout: CONTAINER_COMMAND_MS, killSignal: 'SIGKILL' } as const;
  spawnSync(program, args, { env: { ...environment }, stdio: 'ignore', ...limits });
}

/** Message of the program itself; that of Node would repeat the whole command. */
function reasonOf(error: unknown, timeout: number): string {
  if (!(error instanceof Error)) return String(error);
  if ('killed' in error && error.killed === true) return `no answer after ${timeout / 1000} s`;
  const said = 'stderr' in error ? String(error.stderr).trim() : '';
  return said === '' ? error.message : said.slice(-1000);
}
