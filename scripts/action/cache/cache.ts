import { fork } from 'node:child_process';
import { lstat, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { explain } from '../../base/errors.ts';
import { CACHE_MS } from '../../base/limits/github.ts';
import { requireWorkFolder } from '../../cycle/workspace.ts';
import { writeCertificates } from '../../files/clamav-conf.ts';
import { prepareNetwork } from '../../http/network.ts';
import { networkFrom } from '../../settings/network.ts';
import type { ChildAnswer, ChildTask } from './cache-process.ts';
import { type CachedFile, contentsIn, contentsOf, placeOf } from './contents.ts';
import { type CacheOwner, contentsName, isKeyOf, newKey, prefixOf } from './key.ts';
import { REFUSED, type TarTask } from './tar.ts';

/** Result of using the cache. No run depends on it. */
export interface CacheReport {
  readonly outcome:
    | 'restored'
    | 'saved'
    /** There is nothing to save that was not restored. */
    | 'unchanged'
    /** There is no cache of this mirror. */
    | 'absent'
    /** There is one with unexpected content: nothing of it was taken. */
    | 'refused'
    | 'failed'
    /** Not on GitHub Actions, or not for this step. */
    | 'unavailable';
  readonly key?: string | undefined;
  /** Key that the restored contents would get now; it differs only if the restored key was unusable. */
  readonly contents?: string;
  /** Number of files that were restored or saved, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  readonly why?: string | undefined;
}

export interface CacheSettings extends CacheOwner {
  readonly work: string;
  /** Milliseconds until it is given up. */
  readonly patience?: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

const NOTHING = { files: 0, bytes: 0 } as const;

/**
 * Brings what an earlier run saved into the work folder: copies of published files, and the state. What is there stays.
 * Never throws. Whoever could run a step in this repository may have written a cache: files are taken only by the
 * names that we know, and count only by their hash (CachedStore) or as far as they make sense (State).
 */
export async function restoreCache(settings: CacheSettings, environment: Environment): Promise<CacheReport> {
  const { work, patience = CACHE_MS.restore } = settings;
  return await attempt(work, environment, async (folder) => {
    const prefix = prefixOf(settings);
    const task = { do: 'restore', path: CACHED, prefix } as const;
    const { answer, why, isRefused } = await runChild(task, [], { folder, work, environment, patience });
    const key = answer?.key;
    if (key !== undefined && !isKeyOf(prefix, key))
      return { outcome: 'refused', key, ...NOTHING, why: 'the service offers the cache of another mirror' };
    if (answer?.done === true) {
      const files = await contentsIn(join(folder, UNPACKED), (name) => join(folder, UNPACKED, name));
      const taken = await takeFiles(files, join(folder, UNPACKED), work);
      return { outcome: 'restored', key, contents: contentsName(prefix, files), ...totals(taken) };
    }
    if (answer !== undefined && key === undefined && why === undefined)
      return { outcome: 'absent', ...NOTHING };
    return { outcome: isRefused ? 'refused' : 'failed', key, ...NOTHING, why };
  });
}

/** Saves what the work folder has to keep, unless that is what was restored. Never throws. */
export async function saveCache(
  settings: CacheSettings,
  environment: Environment,
  restored: CacheReport,
): Promise<CacheReport> {
  const { work, patience = CACHE_MS.save } = settings;
  return await attempt(work, environment, async (folder) => {
    const files = await contentsOf(work);
    const contents = contentsName(prefixOf(settings), files);
    if (files.length === 0 || restored.contents === contents)
      return { outcome: 'unchanged', key: restored.key, ...NOTHING };
    const key = newKey(contents);
    const task = { do: 'save', path: CACHED, key } as const;
    const { answer, why } = await runChild(task, files, { folder, work, environment, patience });
    if (answer?.done !== true) return { outcome: 'failed', key, ...NOTHING, why };
    return { outcome: 'saved', key, ...totals(files) };
  });
}

/** Runs with a private folder, which is gone afterwards; on the file system of the work folder, for `rename`. */
async function attempt(
  work: string,
  environment: Environment,
  run: (folder: string) => Promise<CacheReport>,
): Promise<CacheReport> {
  const service = environment.ACTIONS_RESULTS_URL || environment.ACTIONS_CACHE_URL;
  if (!service || !environment.ACTIONS_RUNTIME_TOKEN || process.platform === 'win32') {
    const why = 'no cache service is known to this step (ACTIONS_RESULTS_URL, ACTIONS_RUNTIME_TOKEN)';
    return { outcome: 'unavailable', ...NOTHING, why };
  }
  let folder: string | undefined;
  try {
    await requireWorkFolder(work);
    folder = await mkdtemp(join(work, '.tmp-cache-')); // a run that is killed leaves it to the next one to clear
    return await run(folder);
  } catch (error) {
    return { outcome: 'failed', ...NOTHING, why: explain(error) };
  } finally {
    if (folder !== undefined)
      await rm(folder, { recursive: true, force: true, maxRetries: 5 }).catch(() => {});
  }
}

/**
 * The path that is cached, in a working folder of its own. The service tells caches apart by the paths as they are
 * written and by the compression, so both are the same on every runner, wherever its work folder is and whether or
 * not it has zstd; what is packed is for tar.ts to say.
 */
const CACHED = 'mirror';

interface ChildRun {
  /** `undefined`: it came to no end. */
  readonly answer: ChildAnswer | undefined;
  readonly why: string | undefined;
  readonly isRefused: boolean;
}

/** Runs @actions/cache in a process that knows the service and our `tar`, and nothing else. */
async function runChild(
  task: ChildTask,
  files: readonly CachedFile[],
  context: { folder: string; work: string; environment: Environment; patience: number },
): Promise<ChildRun> {
  const { folder, work, environment, patience } = context;
  const [bin, cwd] = [join(folder, 'bin'), join(folder, 'workspace')];
  for (const path of [bin, join(cwd, CACHED), join(folder, UNPACKED)]) await mkdir(path, { recursive: true });
  const tarTask: TarTask = { work, files, unpackTo: join(folder, UNPACKED) };
  await writeFile(join(folder, 'task.json'), JSON.stringify(tarTask));
  const command = [process.execPath, join(import.meta.dirname, 'tar.ts'), join(folder, 'task.json')];
  // an archive may come from anybody, so the process that reads it gets no token
  await writeFile(
    join(bin, 'tar'),
    `#!/bin/sh\nexec /usr/bin/env -i ${command.map(quoted).join(' ')} "$@"\n`,
    {
      mode: 0o755,
    },
  );

  const child = fork(join(import.meta.dirname, 'cache-process.ts'), [JSON.stringify(task)], {
    cwd,
    // nothing of it is written into command lines, where a blank would matter
    env: { ...(await serviceOf(environment, folder)), PATH: bin, RUNNER_TEMP: '.', GITHUB_WORKSPACE: '.' },
    execArgv: [],
    silent: true,
    detached: true, // a group, to be ended with what it started
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-CHILD_OUTPUT_CHARACTERS);
    });
  }
  let answer: ChildAnswer | undefined;
  child.on('message', (message) => {
    answer = message as ChildAnswer;
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    endGroup(child.pid);
  }, patience);
  await new Promise((resolve) => {
    child.on('close', resolve);
    child.on('error', resolve);
  });
  clearTimeout(timer);
  const reason = isLate ? `given up after ${patience / 1000} s` : reasonIn(output);
  return { answer, why: reason, isRefused: reason?.includes(REFUSED) === true };
}

const UNPACKED = 'unpacked';
/** Characters that are kept of the child's output: the reason is at its end. */
const CHILD_OUTPUT_CHARACTERS = 100_000;

/** Variables of the service that @actions/cache reads, with no credentials but the cache's. */
const SERVICE =
  /^(ACTIONS_(CACHE_SERVICE_V2|RESULTS_URL|RUNTIME_TOKEN|CACHE_URL|CACHE_MODE)|GITHUB_SERVER_URL)$/;

/** The service, and the way out that the settings name: its HTTP clients know variables only. */
async function serviceOf(environment: Environment, folder: string): Promise<NodeJS.ProcessEnv> {
  const { httpProxy, httpsProxy, noProxy, authorities } = networkFrom({
    flags: {},
    environment,
    kind: 'input',
  });
  prepareNetwork(authorities);
  return {
    ...Object.fromEntries(Object.entries(environment).filter(([name]) => SERVICE.test(name))),
    ...(httpProxy !== '' && { http_proxy: httpProxy }),
    ...((httpsProxy || httpProxy) !== '' && { https_proxy: httpsProxy || httpProxy }),
    ...(noProxy !== '' && { no_proxy: noProxy }),
    NODE_EXTRA_CA_CERTS: join(folder, await writeCertificates(folder)),
  };
}

/** Quotes a word for a shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // it has just ended
  }
}

/** @actions/cache prints why it did not work, among other things. */
function reasonIn(output: string): string | undefined {
  const lines = output.split('\n').map((line) => line.replace(/^::\w+[^:]*::/, ''));
  const said = lines.filter(
    (line) => line.startsWith(REFUSED) || /^(Failed to|Cache \w+ (failed|skipped))/.test(line),
  );
  const reason =
    said.find((line) => line.startsWith(REFUSED)) ??
    said.at(-1) ??
    lines.find((line) => /^\w*Error: /.test(line));
  return reason?.replace(/\?\S*/g, '').slice(0, 300); // an address may be signed
}

/** Moves what was unpacked to where it belongs, but for what is there already: that is at least as new. */
async function takeFiles(files: readonly CachedFile[], from: string, work: string): Promise<CachedFile[]> {
  const taken: CachedFile[] = [];
  for (const file of files) {
    const { place, before } = placeOf(file.name, work);
    if ((await lstat(before).catch(() => undefined)) !== undefined) continue;
    await mkdir(dirname(place), { recursive: true });
    await rename(join(from, file.name), place);
    taken.push(file);
  }
  return taken;
}

function totals(files: readonly { readonly size: number }[]): Pick<CacheReport, 'files' | 'bytes'> {
  return { files: files.length, bytes: files.reduce((sum, { size }) => sum + size, 0) };
}
