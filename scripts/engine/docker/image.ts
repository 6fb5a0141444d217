import { createHash, randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PULL_MS } from '../../base/limits/engines.ts';
import type { Log } from '../../base/log.ts';
import { took } from '../../base/words.ts';
import { atExit } from '../at-exit.ts';
import { type Engine, EngineError, type Program, type Task, type ToolRun, withExitCode } from '../engine.ts';
import { withoutPin } from '../images/reference.ts';
import { toolIn } from '../memory-use.ts';
import { startProgram } from '../process.ts';
import { askEngine, ToolNotFound } from '../tools.ts';
import { type ContainerProgram, WITHOUT_PROXIES, withVariables } from './cli.ts';
import { inspectImage, type LocalImage } from './local-image.ts';

/** Path of the folder of a task in a container: without spaces or colons, whatever its path here. */
const INSIDE = '/task';

/**
 * Opens an engine with a container for each run of a tool. The container uses the network of this machine, so our hosts
 * and nameservers stay on loopback. `work` is the work folder. Throws `engine/missing`, `engine/broken`.
 */
export async function openImage(
  image: string,
  options: { readonly program: ContainerProgram; readonly work: string; readonly log: Log },
): Promise<Omit<Engine, 'name'>> {
  const { program } = options;
  const { environment } = program;
  const { id, volumes, image: used } = await haveImage(image, program, options.log);
  const common = [
    '--pull=never',
    '--network=host',
    '--log-driver=none', // we read the output, and nobody keeps it
    `--user=${userOf(program)}`,
    '--cap-drop=ALL',
    '--cap-add=SETGID', // freshclam as root calls initgroups(), even to stay root
    '--security-opt=no-new-privileges',
    '--security-opt=label=disable', // SELinux denies a container everything without its label
    `--label=${labelOf(options.work)}`,
    ...WITHOUT_PROXIES,
    ...(program.isPodman ? ['--http-proxy=false'] : []), // otherwise podman passes our proxies on

    ...withoutVolumes(program, volumes),
  ];
  const start = async (task: Task): Promise<Program> => {
    const name = `clamav-mirror-${randomUUID()}`;
    const removal = removalOf(program, [name]);
    const cancel = atExit(() => program.commandAtExit(removal));
    const remove = async () => {
      await program.command(removal).catch((error) => {
        if (!/no such container|no container with/i.test(String(error))) throw error;
      });
      cancel();
    };
    try {
      const mounts = [mount(task.folder, INSIDE), ...(await resolvConf(task))];
      const args = [
        ...common,
        ...withVariables(task, INSIDE),
        ...mounts,
        `--name=${name}`,
        `--entrypoint=${task.tool}`,
        id,
        ...task.args(INSIDE),
      ];
      const container = (await program.command(['create', ...args])).trim();
      const client = await startProgram([program.path, 'start', '--attach', name], {
        ...task,
        environment,
        measured: toolIn(container, task.tool),
      });
      const ended = client.ended.then((run) => verdict(program, name, task, run)).finally(remove);
      ended.catch(() => {}); // a caller who waits gets the error
      const stop = async () => {
        await client.stop();
        return await ended;
      };
      return { ...client, ended, stop };
    } catch (error) {
      await remove().catch(() => {}); // the first error tells more
      throw error;
    }
  };
  return {
    ...(await askEngine(start)),
    image: used,
    hostAddress: '127.0.0.1',
    daemon: { inside: INSIDE },
    databaseOwner: 'root', // without root, freshclam becomes nobody else
    canAskNameserver: true,
    start,
  };
}

/** Removes the containers of a killed run in this work folder. */
export async function removeLeftContainers(program: ContainerProgram, work: string): Promise<void> {
  const found = await program.command(['ps', '--all', '--quiet', `--filter=label=${labelOf(work)}`]);
  const ids = found.split(/\s+/).filter((id) => id !== '');
  if (ids.length > 0) await program.command(removalOf(program, ids));
}

function removalOf({ isPodman }: ContainerProgram, names: readonly string[]): string[] {
  const now = isPodman ? ['--time=0'] : []; // otherwise podman asks them to end, and waits
  return ['rm', '--force', '--volumes', ...now, ...names];
}

/** Label of the containers of a work folder: a hash, because podman splits a filter at commas. */
export function labelOf(work: string): string {
  return `clamav-mirror.work=${createHash('sha256').update(work).digest('hex')}`;
}

/**
 * Asks the container how the tool ended, because the client has exit codes of its own. A client that was killed, by its
 * time limit or by `stop`, says nothing of the tool, and the container is removed next. One that ran into its time limit may
 * have missed that its container is gone. Throws `engine/broken` then.
 */
async function verdict(program: ContainerProgram, name: string, task: Task, run: ToolRun): Promise<ToolRun> {
  if (run.exitCode === null) {
    if (run.timedOut) await program.command(['container', 'inspect', '--format={{.Id}}', name]);
    return run;
  }
  const state: Record<string, unknown> = JSON.parse(
    await program.command(['container', 'inspect', '--format={{json .State}}', name]),
  );
  const {
    Status: status,
    Running: running,
    StartedAt: startedAt,
    ExitCode: code,
    OOMKilled: outOfMemory,
  } = state;
  // `rm --force` of somebody else: docker marks a container before it kills it
  if (status === 'removing' || status === 'dead')
    throw new EngineError('engine/broken', `the container of ${task.tool} was removed while it ran`);
  const hasRun = running === false && typeof startedAt === 'string' && !startedAt.startsWith('0001');
  if (hasRun && typeof code === 'number')
    return { ...withExitCode(run, code), outOfMemory: outOfMemory === true };
  if (/executable file .*not found/i.test(run.output)) throw new ToolNotFound(task.tool);
  throw new EngineError('engine/broken', `${task.tool} did not run: ${run.output.trim().slice(-1000)}`);
}

/** Finds an image here, else pulls it, or what has taken the place of a pin that is gone. Throws `engine/missing`. */
async function haveImage(image: string, program: ContainerProgram, log: Log): Promise<LocalImage> {
  const local = await inspectImage(image, program).catch(() => undefined);
  if (local !== undefined) return local;
  log.info(`pulling ${image}`);
  const problem = await pull(image, program);
  const instead = problem !== undefined && GONE.test(problem) ? withoutPin(image) : undefined;
  if (instead !== undefined) {
    log.warn(`the pinned image ${image} is gone from its registry: pulling ${instead} in its place`);
    const other = await pull(instead, program);
    if (other !== undefined)
      throw new EngineError('engine/missing', `${instead} cannot be pulled in place of ${image}: ${other}`);
    return await inspectImage(instead, program);
  }
  if (problem !== undefined)
    throw new EngineError('engine/missing', `${image} is not here and cannot be pulled: ${problem}`);
  return await inspectImage(image, program);
}

/** Words of docker, containerd and podman for a digest that a registry does not have. */
const GONE = /manifest unknown|manifest for \S+ not found|@sha256:[0-9a-f]{64}: not found/i;

/** Pulls an image. Returns the reason if that fails. */
async function pull(image: string, program: ContainerProgram): Promise<string | undefined> {
  const client = await startProgram([program.path, 'pull', '--quiet', image], {
    folder: '/',
    timeout: PULL_MS,
    environment: program.environment,
  });
  const { exitCode, timedOut, output } = await client.ended;
  if (exitCode === 0) return undefined;
  return timedOut ? `no end after ${took(PULL_MS / 1000)}` : output.trim().slice(-1000);
}

/** Options that hide the volumes of an image, such as its database folder: they would be copied for every container. */
function withoutVolumes({ isPodman }: ContainerProgram, volumes: readonly string[]): string[] {
  if (isPodman) return ['--image-volume=ignore'];
  return volumes.map((target) => `--mount=type=tmpfs,${csv(`target=${target}`)}`);
}

/** User for a container. For rootless podman, root in the container is our own user. */
function userOf({ isPodman }: ContainerProgram): string {
  return isPodman ? '0:0' : `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
}

async function resolvConf({ folder, nameserver }: Task): Promise<string[]> {
  if (nameserver === undefined) return [];
  const path = join(folder, 'resolv.conf');
  await writeFile(path, `nameserver ${nameserver}\n`);
  return [mount(path, '/etc/resolv.conf')];
}

function mount(source: string, target: string): string {
  return `--mount=type=bind,${csv(`source=${source}`)},target=${target}`;
}

/** Quotes a field of `--mount`, whose value is a line of CSV. */
function csv(field: string): string {
  return `"${field.replaceAll('"', '""')}"`;
}
