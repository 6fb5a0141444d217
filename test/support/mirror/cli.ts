import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ROOT = join(import.meta.dirname, '..', '..', '..');
export const CLI = join(ROOT, 'scripts', 'cli.ts');
/** Node starts twice as fast with it. */
export const CACHE = { NODE_COMPILE_CACHE: join(ROOT, '.cache', 'node') };
/** A command that hangs is killed, so that the test fails with what it printed. Milliseconds. */
const LIMIT = 60_000;

export interface CliRun {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What stdout holds if it is exactly one JSON value; throws otherwise. */
  json(): unknown;
}

export interface CliOptions {
  /** Default: that of the test, without anything that would change a setting. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Flags for Node itself. */
  readonly nodeFlags?: readonly string[];
  /** A program that is given the command to run, such as `unshare`. */
  readonly wrapper?: readonly string[];
  /** Kills the command when it is aborted. */
  readonly kill?: AbortSignal;
}

/** Runs the real command line in a process of its own. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliRun> {
  const line = [...(options.wrapper ?? []), process.execPath, ...(options.nodeFlags ?? []), CLI, ...args];
  const [program = '', ...rest] = line;
  return await new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      cwd: options.cwd,
      env: { PATH: process.env.PATH ?? '', ...CACHE, ...options.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const kill = () => child.kill('SIGKILL');
    const timer = setTimeout(kill, LIMIT);
    options.kill?.addEventListener('abort', kill);
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.once('error', reject);
    child.once('close', (exitCode, signal) => {
      clearTimeout(timer);
      options.kill?.removeEventListener('abort', kill);
      resolve({ exitCode, signal, stdout, stderr, json: () => JSON.parse(stdout) });
    });
  });
}

export interface RunningCli extends AsyncDisposable {
  /** The next line of stdout. */
  line(): Promise<string>;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<{ exitCode: number | null; stderr: string }>;
}

/** Starts a command that runs until it is told to end. */
export function startCli(args: readonly string[], path = process.env.PATH ?? ''): RunningCli {
  const child = spawn(process.execPath, [CLI, ...args], {
    env: { PATH: path, ...CACHE },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return {
    async line() {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the command has ended: ${stderr}`);
      return value;
    },
    async end(signal) {
      child.kill(signal);
      await closed;
      return { exitCode: child.exitCode, stderr };
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}
