import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { explain } from '../../../scripts/base/errors.ts';
import { lastWords, run, widePath } from '../../../scripts/setup/programs.ts';
import { shell } from '../../../scripts/setup/shell.ts';
import { findArchive } from '../setup/debian-archive.ts';
import type { InstallOptions } from '../setup/install.ts';

/** The version of Ceph, by Debian's suite that has it; the first is the default. */
const SUITES = { 20: 'forky', 18: 'trixie', 16: 'bookworm' } as const;

export type CephVersion = keyof typeof SUITES;

/** A running S3 gateway of Ceph; as data, for the tests. Its user is `CEPH_USER`. */
export interface Ceph {
  readonly version: CephVersion;
  readonly endpoint: string;
  readonly tree: string;
  readonly folder: string;
}

export const CEPH_USER = { accessKeyId: 'PUBLISHER', secretAccessKey: 'its-secret-key' } as const;

/** The environment with which the SDK finds the tests' own key. */
export const CEPH_ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: CEPH_USER.accessKeyId,
  AWS_SECRET_ACCESS_KEY: CEPH_USER.secretAccessKey,
  AWS_EC2_METADATA_DISABLED: 'true',
} as const;

const TREE_SCRIPT = join(import.meta.dirname, 'ceph-tree.sh');
const START_SCRIPT = join(import.meta.dirname, 'ceph.sh');
/** Beside the other things that the tests unpack; git does not look at it. */
const CACHE = resolve(import.meta.dirname, '..', '..', '..', '.cache', 'ceph');
const UNPACK_TIMEOUT = 5 * 60_000;
const START_TIMEOUT = 60_000;
/** Below those that the kernel gives to connections. */
const PORTS = { first: 20_000, last: 32_000, each: 21 } as const;

/**
 * Starts those versions of Ceph that the tests are to have, each unpacked from Debian if need be: 20, or 16, which this
 * machine's own Debian has, if 20 is not to be had; or all that `wanted` names (`20,16`). Throws if there is none.
 */
export async function startCephs(
  wanted: string | undefined,
  options: InstallOptions,
): Promise<{ readonly running: readonly Ceph[]; close(): Promise<void> }> {
  if (process.platform !== 'linux' || process.geteuid?.() !== 0) {
    throw new Error('only root on Linux unpacks Ceph');
  }
  const started: { ceph: Ceph; stop: () => Promise<void> }[] = [];
  const close = async () => {
    for (const { stop } of started) await stop();
  };
  const start = async (version: CephVersion) => {
    started.push(await startCeph(version, await ensureTree(version, options), options));
  };
  try {
    if (wanted) for (const version of wanted.split(',')) await start(known(version.trim()));
    else {
      await start(20).catch(async (error) => {
        options.log(`no Ceph 20 here, so 16: ${explain(error)}`);
        await start(16);
      });
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { running: started.map(({ ceph }) => ceph), close };
}

/** Runs `radosgw-admin` beside a gateway. */
export async function cephAdmin({ tree, folder }: Ceph, ...args: readonly string[]): Promise<string> {
  const library = ['--library-path', `${join(tree, 'lib')}:${join(tree, 'lib', 'ceph')}`];
  const line = [...library, join(tree, 'bin', 'radosgw-admin'), ...args];
  const $ = shell({ environment: { ...process.env, CEPH_CONF: join(folder, 'ceph.conf') } });
  return (await $`${join(tree, 'loader')} ${line}`).stdout;
}

function known(version: string): CephVersion {
  const found = Object.keys(SUITES).find((one) => one === version);
  if (found === undefined) throw new Error(`there is no Ceph ${version}, only ${Object.keys(SUITES)}`);
  return Number(found) as CephVersion;
}

/** The folder with a Ceph that is unpacked anew when the script that does it changes. */
async function ensureTree(version: CephVersion, options: InstallOptions): Promise<string> {
  const script = await readFile(TREE_SCRIPT);
  const recipe = createHash('sha256').update(script).digest('hex').slice(0, 12);
  const tree = join(CACHE, `${version}-${recipe}`);
  const isThere = () =>
    access(tree).then(
      () => true,
      () => false,
    );
  if (await isThere()) return tree;
  const begun = Date.now();
  const { plain } = await findArchive(options);
  options.log(`unpacking Ceph ${version} from Debian ${SUITES[version]} (about 100 MB)`);
  const command = ['sh', TREE_SCRIPT, SUITES[version], plain, tree];
  const result = await run(command, { ...options, timeout: UNPACK_TIMEOUT });
  if (!(await isThere())) throw new Error(`Ceph ${version} cannot be unpacked: ${lastWords(result)}`);
  options.log(`unpacked Ceph ${version} (${Math.round((Date.now() - begun) / 1000)} s)`);
  return tree;
}

/** It ends with this process, however that ends. */
async function startCeph(version: CephVersion, tree: string, options: InstallOptions) {
  const folder = await mkdtemp(join(tmpdir(), 'ceph-'));
  const port = await freePorts();
  const log = await open(join(folder, 'log'), 'w');
  const line = ['--pdeathsig', 'TERM', 'sh', START_SCRIPT, tree, folder, String(port)];
  const child = spawn('setpriv', line, {
    stdio: ['pipe', log.fd, log.fd],
    detached: true, // Ctrl-C is for the tests, which then stop it
    env: { ...process.env, PATH: widePath(options) },
  });
  let isOver = false;
  const ended = new Promise<void>((resolve) => {
    const over = () => {
      isOver = true;
      resolve();
    };
    child.once('close', over);
    child.once('error', over);
  });
  await log.close(); // only now: it may end in the meantime
  const stop = async () => {
    child.stdin?.destroy();
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  const ceph: Ceph = { version, endpoint: `http://127.0.0.1:${port}`, tree, folder };
  const deadline = Date.now() + START_TIMEOUT;
  while (!(await answers(ceph.endpoint))) {
    if (Date.now() < deadline && !isOver) {
      await wait(50);
      continue;
    }
    const said = (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n').slice(-3).join(' / ');
    await stop();
    throw new Error(`Ceph ${version} does not start: ${said}`);
  }
  return { ceph, stop };
}

async function answers(endpoint: string): Promise<boolean> {
  return await fetch(endpoint).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** The first of a row of ports that nobody listens on. */
async function freePorts(): Promise<number> {
  const { first, last, each } = PORTS;
  for (let attempt = 0; attempt < 50; attempt++) {
    const start = first + each * Math.floor((Math.random() * (last - first)) / each);
    const free = await Promise.all(Array.from({ length: each }, (_, at) => isFree(start + at)));
    if (!free.includes(false)) return start;
  }
  throw new Error(`no ${each} free ports in a row`);
}

async function isFree(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
