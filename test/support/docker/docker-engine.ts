import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
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
  /** Removes what this run of the tests left in it; stops it if the tests started it. */
  close(): Promise<void>;
}

/**
 * Finds the Docker engine of this machine, or starts one for this run of the tests, installed if need be. `name` is that
 * of the run. Throws if there can be none.
 */
export async function ensureDocker(name: string, options: InstallOptions): Promise<DockerEngine> {
  if (await answers()) {
    return {
      close: async () => {
        if (await answers()) await sweep(name); // else it has ended, and all that was in it
      },
    };
  }
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) {
    throw new Error('no Docker engine answers, and only root on Linux can start one');
  }
  const dockerd = await ensureProgram('dockerd', ['containerd', 'docker.io', 'iptables'], options);
  options.log('starting a Docker engine for the tests');
  const stop = await start(dockerd, options);
  return {
    close: async () => {
      await sweep().finally(stop); // nobody else used it
    },
  };
}

async function answers(): Promise<boolean> {
  return await docker('version').then(
    () => true,
    () => false,
  );
}

/** The engine ends with this process, however that ends. Returns what stops it sooner. */
async function start(dockerd: string, options: InstallOptions): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'dockerd-'));
  const log = await open(join(folder, 'log'), 'w');
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', dockerd], {
    stdio: ['ignore', log.fd, log.fd],
    detached: true, // Ctrl-C is for the tests, which then stop it
    env: { ...process.env, PATH: widePath(options) },
  });
  let problem = '';
  child.once('error', ({ message }) => {
    problem = message;
  });
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  await log.close(); // only now: it may end in the meantime
  const stop = async () => {
    child.kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const deadline = Date.now() + START_TIMEOUT;
  while (!(await answers())) {
    if (Date.now() < deadline && child.exitCode === null && child.signalCode === null) {
      await wait(100);
      continue;
    }
    const said = (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n').slice(-3).join(' / ');
    await stop();
    throw new Error(`dockerd does not start: ${problem || said}`);
  }
  return stop;
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
