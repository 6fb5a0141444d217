import { join } from 'node:path';
import { bytes } from '../base/log.ts';
import { Stage } from '../files/stage.ts';
import { moveForeign } from '../mirror/foreign/move-foreign.ts';
import { PARTIALS_FOLDER, Partials } from '../upstream/acquire/partials.ts';
import type { UpstreamFiles } from '../upstream/http-client.ts';
import { openUpstream } from '../upstream/open.ts';
import type { Adoption } from './adopt/adoption.ts';
import { adoptedUpstream, folderFirst } from './adopt/sources.ts';
import type { Cycle, CycleDeps } from './context.ts';
import { openCycleFace } from './face/cycle-face.ts';
import type { Memory } from './memory/memory.ts';
import { openMirror } from './open-mirror.ts';
import type { Progress } from './progress.ts';
import type { CycleSettings } from './settings.ts';

/** Opens what a turn works with: the mirror as it is published, and each upstream with the cool-down that it asked for. */
export async function openCycle(
  settings: CycleSettings,
  deps: CycleDeps,
  turn: {
    readonly workFolder: string;
    readonly memory: Memory;
    readonly databases: readonly string[];
    readonly progress: Progress;
    readonly adoption?: Adoption | undefined;
    /** True to take files from `adoption` alone, and none from upstream. */
    readonly isAdopting?: boolean;
  },
): Promise<Cycle> {
  const { store, trust, log, now } = deps;
  const { work, resync, retry, accept, dryRun: isDry } = settings;
  const { workFolder, memory, adoption, isAdopting = false } = turn;
  const mirror = await openMirror({
    ...{ store, trust, log, now: now(), work, workFolder, readsAll: resync, isDry },
    onStored: async (stored) => await moveForeign(store, stored, { log, isDry }),
  });
  const { published } = mirror;
  const isAsked = retry || resync || accept !== undefined;
  const openHttp = (url: string) =>
    openUpstream({
      url,
      userAgent: settings.userAgent(memory.state.uuid),
      proxies: settings.proxies,
      coolDown: memory.state.coolDownOf(url, {
        isAsked,
        isRetry: retry,
        isKnown: published.manifest?.upstream.url === url,
      }),
      now,
      log,
      ...(deps.upstreamPatience && { patience: deps.upstreamPatience }),
    });
  const own = isAdopting && adoption ? adoptedUpstream(adoption) : deps.openUpstream?.();
  const upstreams = own === undefined ? settings.upstreams.map(openHttp) : [own];
  const clients = new Map<string, readonly UpstreamFiles[]>();
  const openClients = (database: string) => {
    const onBytes = (received: number) => log.progress(`${database}: ${bytes(received)} from upstream`);
    const opened = upstreams.map((upstream) => {
      const client = upstream.client(onBytes, database);
      return adoption === undefined || isAdopting ? client : folderFirst(adoption, client);
    });
    clients.set(database, opened);
    return opened;
  };
  return {
    ...{ ...deps, settings, ...turn, isAdopting, mirror, published, isAsked },
    openProver: onceOnly(deps.openProver),
    stage: await Stage.create(workFolder),
    waits: memory.state.waits,
    mirrored: settings.databases,
    openFace: async () => await openCycleFace({ ...deps, settings, ...turn }, published),
    window: settings.window,
    limits: { cvd: settings.maxSize, cdiff: settings.maxSize },
    partials: new Partials(join(work, PARTIALS_FOLDER), now),
    clientsFor: (database) => clients.get(database) ?? openClients(database),
    async [Symbol.asyncDispose]() {
      await Promise.all(upstreams.map((upstream) => upstream[Symbol.asyncDispose]()));
    },
  };
}

/** The same answer each time. */
function onceOnly<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => (opened ??= open());
}
