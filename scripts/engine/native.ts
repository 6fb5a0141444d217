import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { TRIAL_MS } from '../base/limits/engines.ts';
import { findProgram } from '../files/find-program.ts';
import { describeEngine } from './describe.ts';
import {
  type Engine,
  EngineError,
  type Program,
  type Task,
  TOOLS,
  type Tool,
  variablesOf,
} from './engine.ts';
import type { Environment } from './process.ts';
import { startProgram } from './process.ts';
import { ourName } from './user-name.ts';

/** Folders in which packages install ClamAV, for users whose PATH lacks them. */
const USUAL_PLACES = [
  '/usr/bin',
  '/usr/sbin',
  '/usr/local/bin',
  '/usr/local/sbin',
  '/opt/homebrew/bin',
  '/opt/homebrew/sbin',
  '/usr/local/clamav/bin',
  '/usr/local/clamav/sbin',
];

/**
 * Finds the ClamAV that is installed on this machine. `path` is a PATH. Its tools get that and `given` as their whole
 * environment. Throws `engine/missing`, `engine/broken`.
 */
export async function findNativeEngine(path: string, given: Environment = {}): Promise<Engine> {
  const usual = { ...given, PATH: path };
  const programs = new Map<Tool, string>();
  for (const tool of TOOLS) {
    const program = await findProgram(tool, path, USUAL_PLACES);
    if (program !== undefined) programs.set(tool, program);
    else if (tool !== 'clamd') throw missing(tool);
  }
  const unshare = await findUnshare(path, usual);
  const start = async (task: Task): Promise<Program> => {
    const { tool, folder, args, timeout, nameserver, isKept } = task;
    const environment = { ...usual, ...variablesOf(task, folder) };
    const program = programs.get(tool);
    if (program === undefined) throw missing(tool);
    const command = [program, ...args(folder)] as const;
    if (nameserver === undefined)
      return await startProgram([...command], { folder, timeout, environment, isKept });
    if (unshare === undefined)
      throw new EngineError('engine/broken', 'only root can give a tool a nameserver');
    const resolvConf = join(folder, 'resolv.conf');
    await writeFile(resolvConf, `nameserver ${nameserver}\n`);
    const isolated = [unshare, '--mount', '/bin/sh', '-c', WITH_NAMESERVER, resolvConf, ...command] as const;
    return await startProgram([...isolated], { folder, timeout, environment, isKept });
  };
  return {
    name: 'native',
    ...(await describeEngine(start)),
    tools: new Set(programs.keys()),
    hostAddress: '127.0.0.1',
    daemon: { inside: undefined },
    databaseOwner: ourName(),
    canAskNameserver: unshare !== undefined,
    start,
  };
}

/**
 * Finds the program that gives a tool a nameserver, if it works here: in a container, root usually has no right to
 * mount, and `mount` itself may be missing.
 */
async function findUnshare(path: string, environment: Environment): Promise<string | undefined> {
  const unshare = process.getuid?.() === 0 ? await findProgram('unshare', path, USUAL_PLACES) : undefined;
  if (unshare === undefined) return undefined;
  const trial = [unshare, '--mount', '/bin/sh', '-c', WITH_NAMESERVER, '/dev/null', 'true'] as const;
  const program = await startProgram(trial, { folder: '/', timeout: TRIAL_MS.mount, environment });
  return await program.ended.then(
    ({ exitCode }) => (exitCode === 0 ? unshare : undefined),
    () => undefined,
  );
}

/** Script for a mount namespace of its own, in which `$0` is the `resolv.conf`. */
const WITH_NAMESERVER = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';

function missing(tool: Tool): EngineError {
  return new EngineError('engine/missing', `${tool} is not installed on this machine`, {
    advice:
      'Nothing is published without a proof. Install ClamAV (Debian, Ubuntu: apt-get install clamav clamav-freshclam clamav-daemon), or name an engine in a container with --engines',
  });
}
