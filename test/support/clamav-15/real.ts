import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import { VERSION } from './settings.ts';

/** Runs the real program in the place of ours, with its version said as ours. Returns the exit code for ours. */
export async function runReal(
  program: string,
  args: readonly string[],
  options: {
    readonly environment?: NodeJS.ProcessEnv;
    /** Another text for what it prints; it gets whole lines. */
    readonly onLine?: (line: string) => string;
  } = {},
): Promise<number> {
  const child = spawn(program, args, {
    stdio: ['inherit', 'pipe', 'pipe'],
    env: options.environment ?? process.env,
  });
  const cancel = passSignals(child);
  const { onLine = (line) => line } = options;
  const change = (line: string) =>
    onLine(line).replace(/^(ClamAV|Engine version:) \d+\.\d+\.\d+[^/\s]*/, `$1 ${VERSION}`);
  const closed = once(child, 'close');
  await Promise.all([pass(child.stdout, process.stdout, change), pass(child.stderr, process.stderr, change)]);
  const [code, signal]: [number | null, NodeJS.Signals | null] = (await closed) as never;
  cancel();
  return code ?? 128 + constants.signals[signal ?? 'SIGKILL'];
}

/** Line by line; a line that is not yet ended is passed on as it is, once nothing has come for a moment. */
async function pass(
  from: NodeJS.ReadableStream,
  to: NodeJS.WritableStream,
  change: (line: string) => string,
): Promise<void> {
  let rest = '';
  for await (const chunk of from) {
    const lines = (rest + Buffer.from(chunk as Buffer).toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) to.write(`${change(line)}\n`, 'latin1');
  }
  if (rest !== '') to.write(change(rest), 'latin1');
}

function passSignals(child: ChildProcess): () => void {
  const signals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
  const on = (signal: NodeJS.Signals) => void child.kill(signal);
  for (const signal of signals) process.on(signal, on);
  return () => {
    for (const signal of signals) process.off(signal, on);
  };
}
