import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { type CliRun, runCli } from '../support/mirror/cli.ts';
import { realPart } from '../support/setup/real-part.ts';

/** The program that tells what others do to the system. */
export const strace = await realPart('strace', () => {
  const { status } = spawnSync('strace', ['-f', '-e', 'trace=execve', 'true'], { stdio: 'ignore' });
  if (status === 0) return 'strace';
  throw new Error('it is not installed, or nothing may be traced here (strace)');
});

/** What a command did to the system, as the kernel saw it. */
export interface Watched extends CliRun {
  /** Names of programs that ran. */
  readonly programs: ReadonlySet<string>;
  /** Paths that were made, written to, moved or removed. */
  readonly touched: ReadonlySet<string>;
}

const CALLS = [
  ...['execve', 'open', 'openat', 'creat', 'rename', 'renameat', 'renameat2', 'unlink', 'unlinkat'],
  ...['mkdir', 'mkdirat', 'rmdir', 'link', 'linkat', 'symlink', 'symlinkat', 'truncate', 'chmod', 'fchmodat'],
];

/** Runs the real command line, with `folder` as its temporary one and its home, and looks at all that it does. */
export async function runWatched(args: readonly string[], folder: string): Promise<Watched> {
  const trace = join(folder, 'trace');
  const wrapper = ['strace', '-f', '-y', '-qq', '-s', '4096', '-o', trace, '-e', `trace=${CALLS.join()}`];
  const run = await runCli(args, { wrapper, environment: { TMPDIR: folder, HOME: folder } });
  const programs = new Set<string>();
  const touched = new Set<string>();
  for (const line of (await readFile(trace, 'utf8')).split('\n')) {
    const [, call = '', given = ''] = /^\d+ +(\w+)\((.*)\) += +\d/.exec(line) ?? [];
    const paths = pathsIn(given);
    if (call === 'execve') programs.add(basename(paths[0] ?? ''));
    else if (call.startsWith('open') && !/O_(?:WRONLY|RDWR|CREAT|TRUNC)/.test(given)) continue;
    else for (const path of paths) touched.add(path);
  }
  return { ...run, programs, touched };
}

/** Arguments that are paths, absolute: those that are not, begin at the folder that stands before them. */
function pathsIn(given: string): string[] {
  const found = given.matchAll(/(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"/g);
  return [...found].map(([, from = '/', path = '']) => resolve(from, path));
}
