import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { json } from 'node:stream/consumers';
import type { DaemonEvent } from '../../scripts/daemon/journal.ts';
import { CACHE, CLI } from '../support/mirror/cli.ts';

type Name = DaemonEvent['event'];
type Told<N extends Name> = Extract<DaemonEvent, { readonly event: N }>;

/** A `clamav-mirror run --json` in a process of its own. */
export interface RunningMirror extends AsyncDisposable {
  readonly url: string;
  readonly admin: string;
  readonly pid: number;
  /** Everything that it has told so far. */
  readonly events: readonly DaemonEvent[];
  /** The next event of this kind that nobody has waited for, and for which this holds. Rejects if it ends before. */
  next<N extends Name>(event: N, holds?: (event: Told<N>) => boolean): Promise<Told<N>>;
  /** Asks for a cycle on the socket. */
  sync(): Promise<unknown>;
  /** Answer of the admin address: its status, and the JSON or text. */
  ask(path: string): Promise<{ readonly status: number; readonly text: string }>;
  /** The process of the cycle that is under way. */
  cyclePid(): Promise<number>;
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal and waits for the end. */
  end(signal: NodeJS.Signals): Promise<{ readonly exitCode: number | null; readonly stderr: string }>;
}

export interface RunOptions {
  /** Where ClamAV is found. */
  readonly path?: string;
  readonly socket?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Starts it, and waits until it serves. */
export async function startRun(args: readonly string[], options: RunOptions = {}): Promise<RunningMirror> {
  const { path = process.env.PATH ?? '', socket, environment } = options;
  const own = [
    ...['--port', '0', '--admin', '127.0.0.1:0'],
    ...(socket === undefined ? [] : ['--socket', socket]),
  ];
  const child = spawn(process.execPath, [CLI, 'run', '--json', ...own, ...args], {
    env: { PATH: path, ...CACHE, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  const journal = new Journal(child);
  const { url, admin } = await journal.next('start');
  return {
    url: url ?? '',
    admin: admin ?? '',
    pid: child.pid ?? 0,
    events: journal.events,
    next: async (event, holds) => await journal.next(event, holds),
    async sync() {
      const asked = request({ socketPath: socket, path: '/sync', method: 'POST' }).end();
      const [answer] = await once(asked, 'response');
      return await json(answer);
    },
    async ask(where) {
      const answer = await fetch(`${admin}${where}`);
      return { status: answer.status, text: await answer.text() };
    },
    async cyclePid() {
      const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8');
      return Number(children.trim().split(' ')[0]);
    },
    signal: (signal) => void child.kill(signal),
    async end(signal) {
      child.kill(signal);
      await closed;
      return { exitCode: child.exitCode, stderr: journal.stderr };
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** What it tells, line by line, as it comes. */
class Journal {
  readonly events: DaemonEvent[] = [];
  stderr = '';
  readonly #taken = new Set<DaemonEvent>();
  #waiting: (() => void)[] = [];
  #isOver = false;

  constructor(
    child: ChildProcess & { readonly stdout: NodeJS.ReadableStream; readonly stderr: NodeJS.ReadableStream },
  ) {
    createInterface(child.stdout).on('line', (line) => {
      this.events.push(JSON.parse(line));
      this.#wake();
    });
    child.stderr.on('data', (text) => {
      this.stderr += text;
    });
    child.once('close', () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  async next<N extends Name>(event: N, holds: (event: Told<N>) => boolean = () => true): Promise<Told<N>> {
    for (;;) {
      const found = this.events.find(
        (one): one is Told<N> => one.event === event && !this.#taken.has(one) && holds(one as Told<N>),
      );
      if (found !== undefined) {
        this.#taken.add(found);
        return found;
      }
      if (this.#isOver)
        throw new Error(`it ended without ${event}: ${JSON.stringify(this.events)} ${this.stderr}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
