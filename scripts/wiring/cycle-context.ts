import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { restoreChanges } from '../changes/restore.ts';
import type { ReadText } from '../changes/texts.ts';
import type { CycleDeps } from '../cycle/context.ts';
import type { CycleSettings } from '../cycle/settings.ts';
import { openWorkspace, requireWorkFolder } from '../cycle/workspace.ts';
import { openEngines } from '../engine/open.ts';
import { Stage } from '../files/stage.ts';
import { CachedStore } from '../mirror/cached-store.ts';
import { manifestOf } from '../mirror/published.ts';
import { restore } from '../mirror/restore.ts';
import { proveWith } from '../proof/prove.ts';
import { readUserSamples } from '../proof/samples/user-samples.ts';
import { programs } from '../settings/environment.ts';
import { COPIES_FOLDER, Copies } from '../store/copies.ts';
import { requireStoreFolder } from '../store/folder.ts';
import { openStore } from '../store/open.ts';
import { isS3Address } from '../store/s3/address.ts';
import type { Store } from '../store/store.ts';
import { NO_COOL_DOWN } from '../upstream/cool-down.ts';
import type { UpstreamFiles } from '../upstream/http-client.ts';
import { openUpstream } from '../upstream/open.ts';
import { TALOS } from '../verify/trust.ts';

/** Opens what a cycle works with: the store, restored from its public host if the settings say so, engines and samples. */
export async function cycleDeps(settings: CycleSettings, log: Log): Promise<CycleDeps> {
  const { engines, samples, work } = settings;
  const now = () => new Date();
  if (!isS3Address(settings.store)) await requireStoreFolder(settings.store);
  await requireWorkFolder(work);
  return {
    store: await filledStore(settings, log, now),
    openProver: async () => {
      const userSamples = await readUserSamples(samples);
      const found = await openEngines(engines, { ...programs(), work, log });
      return proveWith(found, { now, samples: userSamples, failures: join(work, 'failed'), log });
    },
    trust: TALOS,
    log,
    now,
  };
}

async function filledStore(settings: CycleSettings, log: Log, now: () => Date): Promise<Store> {
  const store = await storeFor(settings);
  const { restoreFrom: url, work, maxSize, userAgent, proxies } = settings;
  if (url === undefined || (await store.readManifest()) !== undefined) return store;
  await using workspace = await openWorkspace(work, log);
  const coolDown = NO_COOL_DOWN; // it is our own host, asked once
  await using upstream = openUpstream({ url, userAgent: userAgent(randomUUID()), proxies, coolDown, now });
  const [client, stage] = [upstream.client(), await Stage.create(workspace.folder)];
  const copies = new Copies(join(work, COPIES_FOLDER));
  if (await restore({ client, url, maxSize, store, copies, stage, trust: TALOS, log })) {
    const databases = Object.keys((await manifestOf(store))?.databases ?? {});
    await restoreChanges(textsAt(client), store, { databases, log });
  }
  return store;
}

/** Texts that a mirror serves. One that cannot be had is as if there were none, and so are all after it. */
function textsAt(client: UpstreamFiles): ReadText {
  let isOver = false;
  return async (name, limit) => {
    if (isOver) return undefined;
    try {
      const answer = await client.fetch(`${name}?at=${Date.now()}`, limit); // a cache on the way may hold an earlier one
      return answer === 'unchanged' ? undefined : answer.bytes.toString('utf8');
    } catch (error) {
      if (codeOf(error) !== 'upstream/missing') isOver = true;
      return undefined;
    }
  };
}

/** A bucket is far away: copies save downloads from it. A resync does without, so that it looks at what is stored. */
async function storeFor({ store, s3, work, resync }: CycleSettings): Promise<Store> {
  const opened = await openStore(store, s3);
  return isS3Address(store) && !resync ? new CachedStore(opened, join(work, COPIES_FOLDER)) : opened;
}
