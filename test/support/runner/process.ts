import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

/** How long a step that is to end has after each signal, in milliseconds. */
export interface Patience {
  readonly interrupt: number;
  readonly terminate: number;
  /** For the output of processes that it leaves behind. */
  readonly output: number;
}

/** The runner's own. */
export const PATIENCE: Patience = { interrupt: 7_500, terminate: 2_500, output: 5_000 };

/** A program of a step. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly folder: string;
  /** All of it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
  readonly patience: Patience;
}

/**
 * Runs a program and returns its exit code, or throws `signal.reason`. As GitHub's runner does it, a signal goes to the
 * process itself and not to its children; only the last, SIGKILL, goes to all of them.
 */
export async function runCommand(command: Command): Promise<number> {
  const { program, args, folder, environment, onLine, signal, patience } = command;
  const child = spawn(program, args, { cwd: folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', onLine);
  const closed = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, by) =>
      resolve(code ?? 128 + (by === 'SIGINT' ? 2 : by === 'SIGTERM' ? 15 : 9)),
    );
  });
  const stop = async () => {
    const isOver = (limit: number) =>
      Promise.race([ended.then(() => true), wait(limit, false, { ref: false })]);
    child.kill('SIGINT');
    if (await isOver(patience.interrupt)) return;
    child.kill('SIGTERM');
    if (await isOver(patience.terminate)) return;
    await killTree(child.pid ?? 0);
  };
  const onAbort = () => void stop();
  if (signal.aborted) child.once('spawn', onAbort);
  else signal.addEventListener('abort', onAbort, { once: true });
  try {
    const code = await ended;
    await Promise.race([closed, wait(patience.output, undefined, { ref: false })]);
    signal.throwIfAborted();
    return code;
  } finally {
    signal.removeEventListener('abort', onAbort);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

/** Kills what the steps of a job left running: whatever carries the job's tracking id. Returns what it killed. */
export async function killOrphans(trackingId: string): Promise<number[]> {
  const killed: number[] = [];
  for (const pid of await processes()) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').includes(`RUNNER_TRACKING_ID=${trackingId}`)) continue;
    if (kill(pid)) killed.push(pid);
  }
  return killed;
}

async function killTree(root: number): Promise<void> {
  const parents = new Map<number, number>();
  for (const pid of await processes()) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    parents.set(pid, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const children = (pid: number): number[] =>
    [...parents].filter(([, parent]) => parent === pid).flatMap(([child]) => [...children(child), child]);
  for (const pid of [...children(root), root]) kill(pid);
}

async function processes(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

function kill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false; // it has ended
  }
}
