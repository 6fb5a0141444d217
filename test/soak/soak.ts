import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { ClamavPrograms } from '../../scripts/setup/install-clamav.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import type { Store } from '../../scripts/store/store.ts';
import type { ImageName } from '../support/clamav/clamav-images.ts';
import { makeTestKeys } from '../support/databases/signing.ts';
import type { Ceph } from '../support/s3/ceph.ts';
import { startWebServer, WEB_SERVERS } from '../support/web/web-servers.ts';
import { publicBucket } from './bucket.ts';
import { Client, type Update } from './client.ts';
import { containerFreshclam, type Freshclam, nativeFreshclam } from './engines.ts';
import { Mirror, type Publisher } from './mirror.ts';
import { storePublisher } from './publisher.ts';
import { Versions } from './versions.ts';

export const HOSTS = ['s3', ...WEB_SERVERS] as const;
export type HostName = (typeof HOSTS)[number];

/** `native`, or that of an image. */
export const ENGINES = ['native', 'oldest', 'older', 'newest'] as const;
export type EngineName = (typeof ENGINES)[number];

/** What is behind hosts. */
type StoreName = 'bucket' | 'folder';

export interface SoakPlan {
  readonly updates: number;
  readonly hosts: readonly HostName[];
  readonly engines: readonly EngineName[];
  /** Of what is left to chance; when what happens is up to the machine. */
  readonly seed: number;
}

export interface SoakParts {
  readonly clamav: ClamavPrograms;
  /** The tag of an image, and the label of what is left behind; throws if it cannot be had. */
  readonly image: (name: ImageName) => string;
  readonly label: string;
  /** For clients of a bucket. */
  readonly ceph?: Ceph;
  /** Told of each update when it has ended. */
  readonly onUpdate?: (update: SoakUpdate) => void;
  /** How the folder behind the web servers is published, if not by our own code. */
  readonly publisher?: (folder: string) => Publisher;
  /** Edits the configurations of the web servers. */
  readonly change?: (config: string) => string;
}

export interface SoakUpdate extends Update {
  readonly host: HostName;
  /** With its version: `native 1.4.6`. */
  readonly engine: string;
}

export interface SoakResult {
  readonly updates: readonly SoakUpdate[];
  /** While clients updated, by store. */
  readonly publications: Readonly<Partial<Record<StoreName, number>>>;
}

/** Clients at a time. */
const AT_ONCE = 4;

/**
 * Real freshclams update again and again, each from what it has, by way of every host, while our own code publishes one
 * version after the other to the stores behind the hosts. Each host and engine has a client of its own.
 */
export async function soak(plan: SoakPlan, parts: SoakParts): Promise<SoakResult> {
  await using stack = new AsyncDisposableStack();
  const root = await mkdtemp(join(tmpdir(), 'soak-'));
  stack.defer(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));
  await chmod(root, 0o755); // web servers read it as another user
  const versions = new Versions(await folderIn(root, 'versions'));

  const engines = new Map<string, Freshclam>();
  for (const name of plan.engines) {
    const freshclam = stack.use(await openEngine(name, root, parts));
    engines.set(`${name} ${freshclam.version}`, freshclam);
  }
  const { sites, mirrors } = await openSites(plan.hosts, parts, { root, versions, stack });
  const clients: { host: HostName; engine: string; url: string; client: Client }[] = [];
  for (const { host, url, mirror } of sites) {
    for (const [engine, freshclam] of engines) {
      const folder = await folderIn(root, `client-${clients.length}`);
      const random = randomFrom(plan.seed + clients.length);
      clients.push({ host, engine, url, client: new Client({ mirror, freshclam, folder, random }) });
    }
  }
  const updates: SoakUpdate[] = [];
  let isOver = false;
  const limit = pLimit(AT_ONCE);
  const play = async ({ host, engine, url, client }: (typeof clients)[number], at: number) => {
    for (let round = at; round < plan.updates; round += clients.length) {
      const ended = await limit(async () => (isOver ? undefined : await client.update(url)));
      if (ended === undefined) return;
      const update = { host, engine, ...ended };
      updates.push(update);
      parts.onUpdate?.(update);
    }
  };
  const updating = clients.map(play);
  const random = randomFrom(plan.seed - 1);
  const publishing = Object.values(mirrors).map((mirror) => mirror.publish(() => isOver, random));
  try {
    // a publication that fails ends all
    await Promise.race([Promise.all(updating), Promise.all(publishing)]);
  } finally {
    isOver = true;
    await Promise.allSettled([...updating, ...publishing]);
  }
  await Promise.all(publishing);
  const publications = Object.entries(mirrors).map(([name, mirror]) => [name, mirror.publications]);
  return { updates, publications: Object.fromEntries(publications) };
}

interface Site {
  readonly host: HostName;
  readonly url: string;
  readonly mirror: Mirror;
}

/** The hosts, with the first version on each: a bucket, and web servers in front of one folder. */
async function openSites(
  hosts: readonly HostName[],
  { ceph, publisher, change }: SoakParts,
  place: { readonly root: string; readonly versions: Versions; readonly stack: AsyncDisposableStack },
): Promise<{ sites: readonly Site[]; mirrors: Partial<Record<StoreName, Mirror>> }> {
  const { root, versions, stack } = place;
  const open = async (store: Store, name: StoreName) => {
    return await Mirror.open(versions, storePublisher(store, { work: join(root, `${name}.work`), versions }));
  };
  const sites: Site[] = [];
  const mirrors: Partial<Record<StoreName, Mirror>> = {};
  if (hosts.includes('s3')) {
    if (ceph === undefined) throw new Error('there is no Ceph');
    const { store, url } = await publicBucket(ceph);
    mirrors.bucket = await open(store, 'bucket');
    sites.push({ host: 's3', url, mirror: mirrors.bucket });
  }
  const servers = WEB_SERVERS.filter((name) => hosts.includes(name));
  if (servers.length > 0) {
    const folder = await folderIn(root, 'mirror');
    const mirror = await open(new FolderStore(folder), 'folder');
    if (publisher !== undefined) mirror.publishBy(publisher(folder));
    mirrors.folder = mirror;
    for (const host of servers) {
      const { url } = stack.use(await startWebServer(host, folder, change));
      sites.push({ host, url, mirror });
    }
  }
  return { sites, mirrors };
}

async function openEngine(
  name: EngineName,
  folder: string,
  { clamav, image, label }: SoakParts,
): Promise<Freshclam> {
  const { keys } = makeTestKeys();
  if (name === 'native') return await nativeFreshclam(clamav, keys);
  return await containerFreshclam(image(name), { folder, keys, label });
}

async function folderIn(root: string, name: string): Promise<string> {
  const folder = join(root, name);
  await mkdir(folder);
  return folder;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
