import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

const START_TIMEOUT = 20_000;

/** A real server in a folder of its own. */
export interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** On 127.0.0.1. */
  readonly port: number;
  /** Its own folder, which goes when it ends. */
  readonly own: string;
  /** Variables besides PATH. */
  readonly variables?: Readonly<Record<string, string>>;
  /** What it gets if this process dies before it. */
  readonly signal?: 'KILL' | 'TERM';
}

export interface Server extends AsyncDisposable {
  /** Without a final slash. */
  readonly url: string;
  /** True once it has ended, by itself or not. */
  hasEnded(): boolean;
}

/** Starts a server, which then takes connections. Throws what it said if it ends instead, and removes its folder. */
export async function startServer(server: ServerCommand): Promise<Server> {
  const { program, args, port, own, variables = {}, signal = 'KILL' } = server;
  const child = spawn('setpriv', ['--pdeathsig', signal, program, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH ?? '', ...variables },
  });
  const stop = async () => {
    await ended(child);
    await rm(own, { recursive: true, force: true });
  };
  try {
    await listening(child, port);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://127.0.0.1:${port}`, hasEnded: () => isOver(child), [Symbol.asyncDispose]: stop };
}

/** Waits until a server that was just started takes connections; throws what it said if it ends instead. */
export async function listening(child: ChildProcess, port: number): Promise<void> {
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-2000);
  });
  const deadline = Date.now() + START_TIMEOUT;
  while (!(await accepts(port))) {
    if (isOver(child) || Date.now() > deadline) {
      throw new Error(`the server does not start: ${said.trim()}`);
    }
    await wait(20);
  }
}

export async function ended(child: ChildProcess): Promise<void> {
  if (isOver(child)) return;
  const exit = once(child, 'exit');
  child.kill();
  await exit;
}

function isOver({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function accepts(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
