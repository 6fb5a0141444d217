import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** How an action is called. */
export interface ActionCall {
  readonly inputs: Readonly<Record<string, string>>;
  /** What an action in JavaScript would find in its environment, without INPUT_*. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workspace: string;
  /** A folder for programs. */
  readonly tools: string;
  readonly signal: AbortSignal;
  /** The files of a repository; throws if the test named none. */
  repository(name: string): string;
  /** A line of output; commands are carried out. */
  log(line: string): void;
  output(name: string, value: string): void;
  exportVariable(name: string, value: string): void;
  addPath(folder: string): void;
  /** Runs a module with the pinned Node as an action would be; throws if it fails. */
  node(module: string): Promise<void>;
  /** After the last step of the job, whatever its result. */
  atEnd(post: () => Promise<void>): void;
}

/** Does here what an action does on GitHub; throws if it fails. */
export type StandIn = (call: ActionCall) => Promise<void>;

export const PROJECT = join(import.meta.dirname, '..', '..', '..');
/** The pinned Node, which is one of the project's packages. */
export const NODE = join(PROJECT, 'node_modules', 'node', 'bin', 'node');

/** `actions/checkout`: the repository's files, without its history. */
export const checkout: StandIn = async ({ inputs, environment, workspace, repository, log }) => {
  const name = inputs.repository || environment.GITHUB_REPOSITORY || '';
  const target = join(workspace, inputs.path ?? '');
  await copyFiles(repository(name), target);
  log(`Checked out ${name}`);
};

/** `actions/setup-node`: the pinned Node goes onto the PATH; another version is not to be had. */
export const setupNode: StandIn = async ({ inputs, workspace, tools, addPath, output, log }) => {
  const file = inputs['node-version-file'];
  const wanted = inputs['node-version'] || (file ? await versionIn(join(workspace, file)) : '');
  const { stdout } = await promisify(execFile)(NODE, ['--version']);
  const version = stdout.trim();
  if (/\d+/.exec(wanted)?.[0] !== /\d+/.exec(version)?.[0]) {
    throw new Error(`Unable to find Node version '${wanted}': only ${version} is here`);
  }
  const bin = join(tools, 'node', 'bin');
  await mkdir(bin, { recursive: true });
  await symlink(NODE, join(bin, 'node')).catch(() => {}); // it was set up before
  addPath(bin);
  output('node-version', version);
  log(`node: ${version}`);
};

/** `actions/github-script`: of what scripts are given, there is `core`. */
export const githubScript: StandIn = async ({ inputs, node }) => {
  const core = import.meta.resolve('@actions/core');
  const script = JSON.stringify(inputs.script ?? '');
  const make = `(async () => {}).constructor('core', ${script})`;
  await node(`import * as core from '${core}'; await ${make}(core);`);
};

/**
 * Copies what is under version control, and what is new and not ignored, as in a commit of right now; all files of a folder
 * without version control. Of this project the tests are left out, which no workflow runs here: they are half of it.
 */
export async function copyFiles(source: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  const list = [
    '-C',
    source,
    'ls-files',
    '-z',
    '--cached',
    '--others',
    '--exclude-standard',
    '--deduplicate',
    ...(source === PROJECT ? ['--', '.', ':!test'] : []),
  ];
  const { stdout } = await promisify(execFile)('git', list, { maxBuffer: 2 ** 26 }).catch(() => ({
    stdout: '',
  }));
  if (stdout === '') return await cp(source, target, { recursive: true });
  const names = stdout.split('\0').filter((name) => name !== '');
  const folders = new Set(names.map((name) => dirname(join(target, name))));
  for (const folder of folders) await mkdir(folder, { recursive: true });
  await Promise.all(
    names.map(async (name) => {
      await cp(join(source, name), join(target, name), { verbatimSymlinks: true }).catch((error) => {
        if (error.code !== 'ENOENT') throw error; // deleted and not yet committed
      });
    }),
  );
}

/** A folder with an `npm` whose `ci` takes the project's packages as they are; the real one does the rest. */
export async function linkingNpm(folder: string, path: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const script = `#!/bin/sh
if [ "$1" = ci ]; then
  [ -f package-lock.json ] || { echo 'npm error code EUSAGE: no package-lock.json here' >&2; exit 1; }
  cmp -s package-lock.json '${PROJECT}/package-lock.json' || { echo 'npm error: another package-lock.json' >&2; exit 1; }
  ln -sfn '${PROJECT}/node_modules' node_modules
  echo 'added packages by a link'
  exit 0
fi
PATH='${path}' exec npm "$@"
`;
  await writeFile(join(folder, 'npm'), script);
  await chmod(join(folder, 'npm'), 0o755);
  return folder;
}

async function versionIn(file: string): Promise<string> {
  const text = await readFile(file, 'utf8');
  return file.endsWith('.json') ? (JSON.parse(text).engines?.node ?? '') : text.trim();
}
