import { execFileSync, spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { stringify } from 'yaml';
import { findProgram, type Run, run } from '../../../scripts/setup/programs.ts';
import { describeWith, have } from '../setup/official.ts';
import { realPart } from '../setup/real-part.ts';
import type { Resource } from './helm.ts';
import { mirrorImage } from './image.ts';

const IMAGE = 'localhost/clamav-mirror:test';

/** A podman with images, volumes and networks of its own. */
class Podman {
  readonly #folder: string;
  /** Names of pods are looked up by the name of their network, whosever it is. */
  readonly #network: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.#network = basename(folder);
  }

  async createNetwork(): Promise<void> {
    await this.must('network', 'create', this.#network);
  }

  /** Runs a command to its end, with `input` as its stdin. */
  async run(args: readonly string[], input = ''): Promise<Run> {
    const places = ['root', 'runroot', 'network-config-dir'].map(
      (name) => `--${name}=${join(this.#folder, name)}`,
    );
    const child = spawn('podman', [...places, ...args], {
      env: { ...process.env, CONTAINERS_CONF: join(this.#folder, 'containers.conf') },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: 300_000,
    });
    const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)];
    child.stdin.on('error', () => {}).end(input); // it may want none
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    return { exitCode, stdout: await stdout, stderr: await stderr };
  }

  /** Runs a command that must end well. Returns its stdout. */
  async must(...args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(args);
    if (exitCode === 0) return stdout.trim();
    throw new Error(`podman ${args.join(' ')}: ${stderr.trim() || `exit code ${exitCode}`}`);
  }

  /** Plays resources as far as podman can: ConfigMap, PersistentVolumeClaim and Pod. */
  async play(resources: readonly object[]): Promise<void> {
    const path = join(this.#folder, 'play.yaml');
    await writeFile(path, resources.map((resource) => stringify(resource)).join('---\n'));
    await this.must('kube', 'play', `--network=${this.#network}`, path);
  }

  /** Removes all pods and volumes, and what podman leaves of them in places that are no control groups. */
  async clear(): Promise<void> {
    const ids = (await this.run(['pod', 'ps', '--quiet', '--no-trunc'])).stdout.split(/\s+/);
    // The first attempt may find a control group that is still busy; the second finds no pod.
    for (let attempt = 0; attempt < 2; attempt++)
      await this.run(['pod', 'rm', '--all', '--force', '--time=1']);
    await this.run(['volume', 'rm', '--all', '--force']);
    for (const id of ids.filter((one) => /^[0-9a-f]{64}$/.test(one))) await removeFalseGroups(id);
  }

  /** Removes every pod, volume and image, and the folder. */
  async close(): Promise<void> {
    await this.clear();
    await this.run(['network', 'rm', '--force', this.#network]);
    await this.run(['image', 'rm', '--all', '--force']);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const GROUPS = '/sys/fs/cgroup';
const TMPFS = 0x01021994;

/**
 * Where a controller is missing, podman makes ordinary folders in the place of its groups, and leaves them there, until the
 * small file system around them is full.
 */
async function removeFalseGroups(pod: string): Promise<void> {
  for (const controller of await readdir(GROUPS).catch(() => [])) {
    const path = join(GROUPS, controller, 'libpod_parent', pod);
    const found = await statfs(path).catch(() => undefined);
    if (found?.type === TMPFS) await rm(path, { recursive: true, force: true });
  }
}

async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  return text;
}

/** A podman that has played a pod. It ends with the file that imports this. */
const part = await realPart('pods', async () => {
  const image = mirrorImage();
  const options = { path: process.env.PATH, environment: process.env };
  if ((await findProgram('podman', options)) === undefined) throw new Error('podman is not installed');
  const folder = await mkdtemp(join(tmpdir(), 'pods-'));
  // Its defaults raise the limits of this process, which inside a container even root may not do.
  const limits = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim();
  const ulimits = `default_ulimits = ["nofile=${limits}:${limits}", "nproc=4096:4096"]`;
  const runc = (await findProgram('runc', options)) === undefined ? '' : '[engine]\nruntime = "runc"\n';
  await writeFile(
    join(folder, 'containers.conf'),
    `[containers]\nlog_driver = "k8s-file"\n${ulimits}\n${runc}`,
  );
  const podman = new Podman(folder);
  try {
    const archive = join(folder, 'image.tar');
    const saved = await run(['docker', 'save', '--output', archive, image], { ...options, timeout: 300_000 });
    if (saved.exitCode !== 0) throw new Error(saved.stderr);
    const loaded = /sha256:[0-9a-f]{64}|[0-9a-f]{64}/.exec(
      await podman.must('load', '--quiet', '--input', archive),
    )?.[0];
    await rm(archive);
    await podman.must('tag', loaded ?? '', IMAGE);
    await podman.createNetwork();
    await podman.play([
      pod('trial', { containers: [{ name: 'sleep', image: IMAGE, command: ['sleep', '600'] }] }),
    ]);
    await podman.must('exec', 'trial-sleep', 'true');
    for (let attempt = 0; attempt < 2; attempt++)
      await podman.run(['pod', 'rm', '--force', '--time=1', 'trial']);
    return podman;
  } catch (error) {
    await podman.close();
    throw error;
  }
});

/** Like `describe`, and skipped, loudly and counted, where podman cannot play a pod of our image. */
export const describeWithPods = describeWith(part);

/** The podman that plays pods. */
export function pods(): Podman {
  return have(part);
}

/** Removes what was played, if anything could be. */
export async function closePods(): Promise<void> {
  if ('have' in part) await part.have.close();
}

interface Spec {
  readonly containers: readonly Readonly<Record<string, unknown>>[];
  readonly [key: string]: unknown;
}

/** A Pod that is not started anew: podman runs the init containers of no other. */
export function pod(name: string, spec: Spec): object {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { ...spec, restartPolicy: 'Never' } };
}

/**
 * Resources that podman can play, with the image of the tests: a Pod for each replica of a Deployment or StatefulSet. The first has
 * the name of that, which other pods find by DNS as they would find a Service; the others have a number behind it. Each has
 * ConfigMaps of its own: for each pod, podman writes the files of a ConfigMap anew, and whoever reads them meanwhile finds none
 * of their lines.
 */
export function playable(resources: readonly Resource[]): object[] {
  const configMaps = resources.filter(({ kind }) => kind === 'ConfigMap');
  return resources.flatMap((resource): object[] => {
    if (['ConfigMap', 'PersistentVolumeClaim'].includes(resource.kind)) return [resource];
    if (!['Deployment', 'StatefulSet'].includes(resource.kind)) return [];
    const { name } = resource.metadata;
    const {
      replicas,
      template,
      volumeClaimTemplates = [],
    } = resource.spec as {
      replicas: number;
      template: { spec: Spec };
      volumeClaimTemplates?: { metadata: { name: string }; spec: object }[];
    };
    const claims = volumeClaimTemplates.map(({ metadata, spec }) => ({
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', spec },
      metadata: { name: `${metadata.name}-${name}-0` },
    }));
    const claimed = volumeClaimTemplates.map(({ metadata }) => ({
      name: metadata.name,
      persistentVolumeClaim: { claimName: `${metadata.name}-${name}-0` },
    }));
    const names = Array.from({ length: replicas }, (_, at) => (at === 0 ? name : `${name}-${at + 1}`));
    return [
      ...claims,
      ...names.flatMap((own) => [
        ...configMaps.map((one) => ({
          ...one,
          metadata: { ...one.metadata, name: `${own}-${one.metadata.name}` },
        })),
        pod(own, playableSpec(template.spec, own, claimed)),
      ]),
    ];
  });
}

/**
 * What podman would do otherwise: publish ports on all addresses, run probes by systemd, share an emptyDir or the files of a
 * ConfigMap between pods.
 */
function playableSpec(spec: Spec, own: string, claimed: readonly object[]): Spec {
  const volumes = [...((spec.volumes ?? []) as { name: string }[]), ...(claimed as { name: string }[])];
  const nameOf = (volume: { name: string } | undefined) =>
    volume !== undefined && 'emptyDir' in volume ? `${own}-${volume.name}` : (volume?.name ?? '');
  const container = ({
    ports,
    startupProbe,
    livenessProbe,
    readinessProbe,
    ...rest
  }: Readonly<Record<string, unknown>>) => ({
    ...rest,
    image: IMAGE,
    volumeMounts: ((rest.volumeMounts ?? []) as { name: string }[]).map((mount) => ({
      ...mount,
      name: nameOf(volumes.find(({ name }) => name === mount.name)),
    })),
  });
  return {
    ...spec,
    containers: spec.containers.map(container),
    initContainers: ((spec.initContainers ?? []) as Spec['containers']).map(container),
    volumes: volumes.map((volume) => ({ ...volume, ...configMapOf(volume, own), name: nameOf(volume) })),
  };
}

function configMapOf(volume: object, own: string): object {
  const { configMap } = volume as { configMap?: { name: string } };
  return configMap === undefined ? {} : { configMap: { ...configMap, name: `${own}-${configMap.name}` } };
}
