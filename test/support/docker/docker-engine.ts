import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { widePath } from '../../../scripts/setup/programs.ts';
import { ensureProgram, type InstallOptions } from '../setup/install.ts';
import { docker, LABEL } from './docker-cli.ts';

const START_TIMEOUT = 30_000;
/** Milliseconds. */
const LONGEST_RUN = 24 * 3_600_000;
const FILTER = `--filter=label=${LABEL}`;

/** A Docker engine that answers. */
export interface DockerEngine {
  /** Removes what this run of the tests left in it; if tests started it, it ends with the last run that uses it. */
  close(): Promise<void>;
}

/**
 * Finds the Docker engine of this machine, or starts one for the tests, installed if need be. `name` is that of the run.
 * Throws if there can be none. Several runs on a machine share the engine that one of them started: it ends with the last.
 */
export async function ensureDocker(name: string, options: InstallOptions): Promise<DockerEngine> {
  const letGo = await hold('--shared', lock(), options); // before the first look: what answers then is not about to end
  try {
    const letStart = await hold('--exclusive', `${lock()}.start`, options); // of two, the second finds it
    await startIfNoneAnswers(options).finally(letStart);
  } catch (error) {
    await letGo();
    throw error;
  }
  return {
    close: async () => {
      if (await answers()) await sweep(name).finally(letGo);
      else await letGo(); // it has ended, and all that was in it
    },
  };
}

async function startIfNoneAnswers(options: InstallOptions): Promise<void> {
  if (await answers()) return;
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) {
    throw new Error('no Docker engine answers, and only root on Linux can start one');
  }
  const dockerd = await ensureProgram('dockerd', ['containerd', 'docker.io', 'iptables'], options);
  options.log('starting a Docker engine for the tests');
  await start(dockerd, options);
  await sweep(); // what was left in it is nobody's any more
}

async function answers(): Promise<boolean> {
  return await docker('version').then(
    () => true,
    () => false,
  );
}

/** Whoever has it locked, shared, uses the engine. */
const lock = () => join(tmpdir(), 'clamav-mirror-tests-docker.lock');

/** Holds a lock until it is let go, or until this process ends, however it ends. Without `flock` there is none. */
async function hold(
  how: '--shared' | '--exclusive',
  path: string,
  options: InstallOptions,
): Promise<() => Promise<void>> {
  const child = spawn('flock', [how, path, 'sh', '-c', 'echo held; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true, // Ctrl-C is for the tests
    env: { ...process.env, PATH: widePath(options) },
  });
  const ended = new Promise<void>((resolve) => {
    for (const event of ['close', 'error']) child.once(event, () => resolve());
  });
  await Promise.race([once(child.stdout, 'data'), ended]);
  return async () => {
    child.stdin.destroy();
    await ended;
  };
}

/** Runs an engine ($1, its log is $2), and ends it when nobody holds the lock ($3) any more. */
const KEEPER = `
"$1" > "$2" 2>&1 & engine=$!
flock --exclusive "$3" sh -c 'kill "$1"; while kill -0 "$1"; do sleep 0.1; done' sh "$engine" 2>/dev/null & waiting=$!
wait "$engine"
kill "$waiting" 2>/dev/null`;

/** Returns when it answers. */
async function start(dockerd: string, options: InstallOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'dockerd-'));
  const log = join(folder, 'log');
  const keeper = spawn('sh', ['-c', KEEPER, 'sh', dockerd, log, lock()], {
    stdio: 'ignore',
    detached: true, // it outlives this run, if another one uses the engine
    env: { ...process.env, PATH: widePath(options) },
  });
  let problem = '';
  keeper.once('error', ({ message }) => {
    problem = message;
  });
  keeper.unref();
  try {
    const deadline = Date.now() + START_TIMEOUT;
    while (!(await answers())) {
      const said = (await readFile(log, 'utf8').catch(() => '')).trim().split('\n').slice(-3).join(' / ');
      const hasEnded = problem !== '' || keeper.exitCode !== null || keeper.signalCode !== null;
      if (Date.now() > deadline || hasEnded) throw new Error(`dockerd does not start: ${problem || said}`);
      await wait(100);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Removes what a run left, and runs that were killed before they could; without a name, what any did. In an engine that
 * others use, containers that the code under test starts are for its own tests to look for.
 */
async function sweep(name?: string): Promise<void> {
  const isOver = (run: string) =>
    name === undefined || run === name || startOf(run) < Date.now() - LONGEST_RUN;
  const leftBy = async (...list: readonly string[]) => {
    const found = await linesOf(...list, FILTER, `--format={{.ID}} {{.Label "${LABEL}"}}`);
    return found.map((line) => line.split(' ')).flatMap(([id = '', run = '']) => (isOver(run) ? [id] : []));
  };
  const containers = await leftBy('ps', '--all');
  if (containers.length > 0) await docker('rm', '--force', '--volumes', ...containers);
  for (const network of await leftBy('network', 'ls')) {
    await docker('network', 'rm', network).catch(() => {}); // it may have been forgotten with a container in it
  }
  if (name === undefined) return; // images stay
  const images = await linesOf('image', 'ls', '--quiet', `${FILTER}=${name}`);
  if (images.length > 0) await docker('image', 'rm', '--force', ...images);
}

/** Milliseconds since 1970; what is no name of a run of the tests has not started. */
function startOf(run: string): number {
  return Number(/^\d+-(\d{13})$/.exec(run)?.[1] ?? Number.POSITIVE_INFINITY);
}

async function linesOf(...args: readonly string[]): Promise<string[]> {
  return (await docker(...args)).split('\n').filter((line) => line !== '');
}
