import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { docker } from '../docker/of-this-run.ts';
import { fill, fillAll, type Scope } from './expressions.ts';
import type { JobLog } from './log.ts';
import type { Service } from './model.ts';

/** A service's entry in the `job` context. */
export interface RunningService {
  readonly id: string;
  readonly network: string;
  readonly ports: Readonly<Record<string, string>>;
}

export interface RunningServices {
  readonly services: Readonly<Record<string, RunningService>>;
  stop(): Promise<void>;
}

/** The runner waits two seconds at first; here there is less to wait for. */
const POLL = 250;

/**
 * Starts the services of a job as the runner does: in a network of their own, by `docker create` and `docker start`, and
 * waits until those with a health check are healthy. No registry is asked: `images` says which local image stands for
 * each. Throws if one does not start; none is left then.
 */
export async function startServices(
  declared: Readonly<Record<string, Service>>,
  options: {
    readonly scope: Scope;
    readonly images: Readonly<Record<string, string>>;
    readonly log: JobLog;
    readonly signal: AbortSignal;
  },
): Promise<RunningServices> {
  const { scope, images, log, signal } = options;
  const wanted = Object.entries(declared)
    .map(([name, service]) => ({ name, service, image: fill(service.image, scope) }))
    .filter(({ image }) => image !== ''); // which is how a service is left out
  const network = `github_network_${randomUUID().replaceAll('-', '')}`;
  const ids = new Map<string, string>();
  const stop = async () => {
    for (const [name, id] of ids) {
      log.write(`##[group]Print service container logs: ${name}\n${await logsOf(id)}\n##[endgroup]`);
      await docker('rm', '--force', '--volumes', id).catch(() => {});
    }
    if (wanted.length > 0) await docker('network', 'rm', network).catch(() => {});
  };
  try {
    if (wanted.length > 0) await docker('network', 'create', network);
    for (const { name, service, image } of wanted) {
      const local = images[image];
      if (local === undefined) throw new Error(`no image stands for ${image}`);
      log.write(`##[group]Starting ${name} service container\n${image}\n##[endgroup]`);
      ids.set(name, await docker('create', ...createArguments(name, network, local, service, scope)));
      await docker('start', ids.get(name) ?? '');
    }
    for (const [name, id] of ids) await untilHealthy(name, id, log, signal);
    const services: Record<string, RunningService> = {};
    for (const [name, id] of ids) services[name] = { id, network, ports: await portsOf(id) };
    return { services, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function createArguments(
  name: string,
  network: string,
  image: string,
  service: Service,
  scope: Scope,
): string[] {
  const options = words(fill(service.options ?? '', scope));
  if (options.some((option) => /^--net(work)?(=|$)/.test(option))) {
    throw new Error('GitHub does not support --network in the options of a service');
  }
  const env = { ...fillAll(service.env, scope), GITHUB_ACTIONS: 'true' };
  return [
    `--name=${randomUUID().replaceAll('-', '')}_${name}`,
    `--network=${network}`,
    `--network-alias=${name}`,
    ...service.ports.map((port) => `--publish=${fill(port, scope)}`),
    ...options,
    ...Object.entries('CI' in env ? env : { ...env, CI: 'true' }).map(
      ([key, value]) => `--env=${key}=${value}`,
    ),
    ...service.volumes.map((volume) => `--volume=${fill(volume, scope)}`),
    ...(service.entrypoint ? [`--entrypoint=${fill(service.entrypoint, scope)}`] : []),
    image,
    ...words(fill(service.command ?? '', scope)),
  ];
}

/** As .NET splits a command line: at white space, but for double quotes; single quotes mean themselves. */
export function words(line: string): string[] {
  const found = line.match(/(?:[^\s"\\]|\\"|\\|"(?:[^"\\]|\\"|\\)*")+/g) ?? [];
  return found.map((word) => word.replaceAll(/\\"|"/g, (match) => (match === '"' ? '' : '"')));
}

async function untilHealthy(name: string, id: string, log: JobLog, signal: AbortSignal): Promise<void> {
  const format = '{{if .Config.Healthcheck}}{{print .State.Health.Status}}{{end}} {{.State.Status}}';
  for (;;) {
    const [health = '', state = ''] = (await docker('inspect', `--format=${format}`, id)).split(' ');
    if (health === '' || health === 'healthy') return log.write(`${name} service is ${health || state}.`);
    if (health !== 'starting') throw new Error(`Failed to initialize, ${name} service is ${health}.`);
    await wait(POLL, undefined, { signal });
  }
}

async function portsOf(id: string): Promise<Record<string, string>> {
  const lines = (await docker('port', id)).split('\n');
  const found = lines.map((line) => /^(\d+)\/\w+ -> .*:(\d+)$/.exec(line));
  return Object.fromEntries(found.flatMap((match) => (match ? [[match[1] ?? '', match[2] ?? '']] : [])));
}

async function logsOf(id: string): Promise<string> {
  return await docker('logs', '--details', id).catch((error) => String(error));
}
