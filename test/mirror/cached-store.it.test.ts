import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { restoreCache, saveCache } from '../../scripts/action/cache/cache.ts';
import { SILENT } from '../../scripts/base/log.ts';
import { cdiffName, cvdName } from '../../scripts/cvd/names.ts';
import { Stage } from '../../scripts/files/stage.ts';
import { CachedStore } from '../../scripts/mirror/cached-store.ts';
import { carryOver } from '../../scripts/mirror/carry-over.ts';
import { encodeManifest } from '../../scripts/mirror/manifest.ts';
import { readPublished } from '../../scripts/mirror/published.ts';
import { COPIES_FOLDER } from '../../scripts/store/copies.ts';
import type { Store } from '../../scripts/store/store.ts';
import { type Proxied, proxied } from '../store/s3/support.ts';
import { databaseRecord, described, manifestOf, sha256 } from '../store/support.ts';
import { makeChain } from '../support/databases/chain.ts';
import { signatureLine } from '../support/databases/signatures.ts';
import { testTrust } from '../support/databases/signing.ts';
import { startCacheService } from '../support/github/cache-service.ts';
import { describeWithCeph } from '../support/s3/s3.ts';

/** Versions 1 to 3 of a database. */
const chainOf = (database: string) =>
  makeChain(
    database,
    [1, 2, 3].map((count) => {
      const lines = [...Array(count).keys()].map((id) => signatureLine(0, id));
      return new Map([[`${database}.hdb`, Buffer.from(lines.join(''))]]);
    }),
  );
const CHAINS = { main: chainOf('main'), daily: chainOf('daily') };

describeWithCeph('a bucket behind copies', (ceph) => {
  let place: Proxied;
  let folder = '';
  beforeEach(async () => {
    place = await proxied(ceph);
    folder = mkdtempSync(join(tmpdir(), 'cached-store-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  });

  const work = (run: number) => join(folder, `run ${run}`);
  const near = (run: number) => new CachedStore(place.store, join(work(run), COPIES_FOLDER));

  /** Publishes main 1 and this version of daily, with the CDIFF to it. */
  async function publish(store: Store, version: number): Promise<void> {
    const daily = CHAINS.daily[version - 1];
    const files = {
      [cvdName('main')]: CHAINS.main[0]?.cvd ?? Buffer.alloc(0),
      [cdiffName('daily', version)]: daily?.cdiff ?? Buffer.alloc(0),
      [cvdName('daily')]: daily?.cvd ?? Buffer.alloc(0),
    };
    await using publication = await store.begin((await store.readManifest())?.tag);
    for (const [name, bytes] of Object.entries(files)) {
      await writeFile(join(folder, name), bytes);
      await publication.put(name, join(folder, name), { sha256: sha256(bytes) });
    }
    const databases = {
      main: databaseRecord(1, described(files['main.cvd'] ?? '')),
      daily: databaseRecord(version, {
        ...described(files['daily.cvd'] ?? ''),
        cdiffs: { first: version, last: version },
      }),
    };
    const records = Object.entries(files).map(([name, bytes]) => [name, described(bytes)] as const);
    await publication.commit(encodeManifest(manifestOf(databases, Object.fromEntries(records))));
  }

  /** What a cycle with news of daily brings from the store: all that is published, proven again. */
  async function carryAll(store: Store): Promise<string[]> {
    const [published, stage] = [await readPublished(store), await Stage.create(join(folder, 'run'))];
    const parts = { store, published, stage, trust: testTrust(), window: 60, log: SILENT };
    for (const [database, { version }] of published.databases) await carryOver(database, version, parts);
    return [...stage.files.keys()].sort();
  }

  /** Names of databases' files that were downloaded through the proxy. */
  const downloads = () =>
    place.proxy.seen.flatMap((line) => {
      const name = /^GET .*\/((?:main|daily)[^/?]*)/.exec(line)?.[1];
      return name === undefined ? [] : [name];
    });

  test('main.cvd is not downloaded for a step of daily, on this machine or by way of the cache', async () => {
    await using service = await startCacheService();
    const owner = { store: place.store.where, databases: ['daily', 'main'] };
    await publish(place.direct, 2);
    expect(await carryAll(near(1))).toEqual(['daily-2.cdiff', 'daily.cvd', 'main.cvd']);
    expect(downloads().sort()).toEqual(['daily-2.cdiff', 'daily.cvd', 'main.cvd']);
    place.proxy.forget();
    await publish(near(1), 3);
    await carryAll(near(1));
    expect(downloads()).toEqual([]);

    const restored = await restoreCache({ ...owner, work: work(1) }, service.env);
    const saved = await saveCache({ ...owner, work: work(1) }, service.env, restored);
    expect([restored.outcome, saved.outcome]).toEqual(['absent', 'saved']);
    expect(await restoreCache({ ...owner, work: work(2) }, service.env)).toMatchObject({
      outcome: 'restored',
    });
    await carryAll(near(2));
    expect(downloads()).toEqual([]);
    await carryAll(near(3)); // a runner without the cache
    expect(downloads().sort()).toEqual(['daily-3.cdiff', 'daily.cvd', 'main.cvd']);
  });

  test('what another machine published in the meantime is downloaded, and no more than that', async () => {
    await publish(near(1), 2);
    await publish(place.direct, 3);
    place.proxy.forget();
    expect(await carryAll(near(1))).toEqual(['daily-3.cdiff', 'daily.cvd', 'main.cvd']);
    expect(downloads().sort()).toEqual(['daily-3.cdiff', 'daily.cvd']);
  });
});
