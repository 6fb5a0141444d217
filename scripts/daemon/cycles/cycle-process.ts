import { type ChildProcess, spawn } from 'node:child_process';
import { explain } from '../../base/errors.ts';
import {
  CYCLE_END_MS,
  CYCLE_LINE_CHARACTERS,
  CYCLE_MS,
  CYCLE_REPORT_BYTES,
} from '../../base/limits/daemon.ts';
import { lasting } from '../../base/words.ts';
import { type CycleEnd, type CycleExit, cycleEnd } from './cycle-end.ts';
import { eachLine, kept } from './output.ts';

export interface CycleProcess {
  /** Program that runs one cycle, prints its report as JSON on stdout, and tells on stderr what goes on. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Takes each line that it prints on stderr. */
  readonly onLine: (line: string) => void;
  /** Milliseconds that it may take, and that it has for its end. */
  readonly limits?: { readonly cycle: number; readonly end: number };
}

/** Milliseconds in which the output of a process that has ended is still read. */
const LAST_WORDS_MS = 1_000;

/**
 * Runs one cycle in a process of its own, which ends with this process: it sees its channel to us close. Whatever becomes
 * of it, this one goes on, and keeps no more of what it prints than a limit. When `signal` is aborted, it is asked to
 * end, and killed if it does not. Never throws.
 */
export async function runCycleProcess(cycle: CycleProcess, signal: AbortSignal): Promise<CycleEnd> {
  const { command, environment, onLine } = cycle;
  const limits = cycle.limits ?? { cycle: CYCLE_MS, end: CYCLE_END_MS };
  const cannotStart = (error: unknown) =>
    cycleEnd({ exitCode: null, signal: null, why: explain(error) }, undefined, false);
  let child: ChildProcess;
  try {
    child = start(command, environment);
  } catch (error) {
    return cannotStart(error);
  }
  const printed = kept(child.stdout, CYCLE_REPORT_BYTES);
  eachLine(child.stderr, CYCLE_LINE_CHARACTERS, onLine);

  const { promise: over, resolve } = Promise.withResolvers<CycleExit>();
  let why: string | undefined;
  const ended = (exitCode: number | null, by: NodeJS.Signals | null) =>
    resolve({ exitCode, signal: by, ...(why !== undefined && { why }) });
  child.once('close', ended);
  child.once('exit', (...how) => void timers.push(setTimeout(() => ended(...how), LAST_WORDS_MS)));
  child.on('error', (error) => {
    if (child.pid === undefined) resolve({ exitCode: null, signal: null, why: explain(error) });
  });

  const kill = () => {
    child.kill('SIGKILL');
    timers.push(setTimeout(() => ended(null, 'SIGKILL'), LAST_WORDS_MS)); // even if the kernel cannot end it now
  };
  const stop = () => {
    child.kill('SIGTERM');
    timers.push(setTimeout(kill, limits.end));
  };
  const hangs = () => {
    why = `it had not ended after ${lasting(limits.cycle)}`;
    stop();
  };
  const timers = [setTimeout(hangs, limits.cycle)];
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  const exit = await over;
  signal.removeEventListener('abort', stop);
  for (const timer of timers) clearTimeout(timer);
  abandon(child);
  return cycleEnd(exit, printed(), signal.aborted);
}

/** In a process group of its own, so that Ctrl-C reaches it through us. */
function start([program, ...args]: CycleProcess['command'], environment: CycleProcess['environment']) {
  return spawn(program, args, {
    env: { ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    detached: true,
  });
}

/** Lets go of everything by which a process that does not end would keep this one running. */
function abandon(child: ChildProcess): void {
  child.stdout?.destroy();
  child.stderr?.destroy();
  if (child.connected) child.disconnect();
  child.unref();
}
