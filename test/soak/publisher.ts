import { createHash } from 'node:crypto';
import { copyFile, writeFile } from 'node:fs/promises';
import { SILENT } from '../../scripts/base/log.ts';
import { cdiffName } from '../../scripts/cvd/names.ts';
import type { Update } from '../../scripts/cycle/database.ts';
import { nextManifest } from '../../scripts/cycle/next-manifest.ts';
import { Stage } from '../../scripts/files/stage.ts';
import { verifyCvdFile } from '../../scripts/files/verify.ts';
import { describeCvd } from '../../scripts/mirror/manifest.ts';
import { publish } from '../../scripts/mirror/publish.ts';
import { readPublished } from '../../scripts/mirror/published.ts';
import { archiveCopies } from '../../scripts/mirror/retained-cvds.ts';
import type { Proof } from '../../scripts/proof/record.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import type { Store } from '../../scripts/store/store.ts';
import { testTrust } from '../support/databases/signing.ts';
import { type Publisher, WINDOW } from './mirror.ts';
import type { Version, Versions } from './versions.ts';

/**
 * Publishes to a real store as a cycle does once a stage is proven: new files, the archive, what is retired, and the
 * manifest. What comes before, upstream and engines, would only take the time.
 */
export function storePublisher(
  store: Store,
  { work, versions }: { readonly work: string; readonly versions: Versions },
): Publisher {
  const flags = { databases: 'daily', dns: 'off', cdiffs: String(WINDOW), work };
  const settings = syncSettings({ flags, environment: {} });
  return async (version, seen) => {
    const published = await readPublished(store);
    const stage = await Stage.create(work);
    const earlier = Array.from({ length: WINDOW - 1 }, (_, at) => version.version - WINDOW + 1 + at);
    for (const number of earlier)
      await stageCdiff(stage, await versions.get(number), published.manifest !== undefined);
    await stageCdiff(stage, version, false);
    await copyFile(version.cvd, stage.incoming('daily.cvd'));
    const trust = testTrust();
    const cvd = await verifyCvdFile(stage.incoming('daily.cvd'), trust, { database: 'daily' });
    await stage.accept({ name: 'daily.cvd', size: cvd.size, sha256: cvd.sha256, stored: false });
    const cdiffs = { first: version.version - WINDOW + 1, last: version.version };
    const brought: Update = {
      database: 'daily',
      record: { ...describeCvd(cvd), cdiffs, missingCdiffs: [] },
      how: 'downloaded',
      isNew: true,
      publishedCvd: (await versions.get(version.version - 1)).cvd,
    };
    const copies = await archiveCopies([brought], settings.archive, {
      store,
      published,
      trust,
      stage,
      log: SILENT,
    });
    const now = new Date();
    const parts = { settings, now, published, surveys: [], updates: [brought], stage, copies, unusable: [] };
    const next = nextManifest({ ...parts, proof: proofOf(now) });
    await publish(watched(store, seen), published.tag, { stage, archive: copies, next });
  };
}

async function stageCdiff(stage: Stage, { version, cdiff }: Version, stored: boolean): Promise<void> {
  const name = cdiffName('daily', version);
  await writeFile(stage.incoming(name), cdiff);
  const sha256 = createHash('sha256').update(cdiff).digest('hex');
  await stage.accept({ name, size: cdiff.length, sha256, stored });
}

function proofOf(now: Date): Proof {
  const engines = [{ name: 'stand-in', version: '0', fLevel: 255 }];
  return { passed: true, started: now.toISOString(), duration: 0, databases: {}, engines, results: [] };
}

/** The same store, which tells when a commit begins and ends: before and after, its readers see no change. */
function watched(store: Store, seen: Parameters<Publisher>[1]): Store {
  return {
    where: store.where,
    sight: store.sight,
    readManifest: () => store.readManifest(),
    list: () => store.list(),
    fetch: (...args) => store.fetch(...args),
    readStart: (name, length) => store.readStart(name, length),
    async begin(tag) {
      const publication = await store.begin(tag);
      return {
        put: (...args) => publication.put(...args),
        write: (...args) => publication.write(...args),
        async commit(manifest) {
          seen.begun();
          await publication.commit(manifest);
          seen.done();
        },
        remove: (...args) => publication.remove(...args),
        [Symbol.asyncDispose]: () => publication[Symbol.asyncDispose](),
      };
    },
  };
}
