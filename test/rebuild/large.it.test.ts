import { createReadStream } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { runCycle } from '../../scripts/cycle/cycle.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { trusting } from '../support/clamav/engines.ts';
import { type BigVersion, writeBigDatabase } from '../support/databases/big-database.ts';
import { testTrust } from '../support/databases/signing.ts';
import { describeWithPython } from '../support/machine/python.ts';
import { startUpstream } from '../support/mirror/upstream.ts';
import { sampled } from '../support/sample.ts';

const MEGABYTES = sampled(16, 44);

/**
 * Larger than what is in memory at a time: the clients' side is proven with Talos' databases elsewhere, engines trust nobody
 * else. `npm run bench -- rebuild` takes one as large as daily.
 */
describeWithPython('a large database, compressed by stock zlib', () => {
  let folder: string;
  let old: BigVersion;
  let next: BigVersion;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'large-'));
    const versions = await writeBigDatabase(folder, 'daily', { share: MEGABYTES / 55, steps: ['day'] });
    [old, next] = versions as [BigVersion, BigVersion];
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('has the size it should have', async () => {
    expect((await stat(next.cvd)).size).toBeGreaterThan(0.3e6 * MEGABYTES);
    let [bytes, lines] = [0, 0];
    for await (const chunk of createReadStream(next.cvd, { start: 512 }).pipe(createGunzip())) {
      bytes += chunk.length;
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines++;
    }
    expect(bytes).toBeGreaterThan(0.85e6 * MEGABYTES);
    expect(lines).toBeGreaterThan(5000 * MEGABYTES);
  });

  test('is published, and one version later rebuilt to the last bit from the CDIFF and less than 1 KB', async () => {
    await using upstream = await startUpstream(new Map([['daily.cvd', old.cvd]]));
    const store = join(folder, 'mirror');
    const sync = async () => {
      const flags = { upstream: upstream.url, dns: 'off', databases: 'daily', store };
      const report = await runCycle(syncSettings({ flags, environment: {} }), {
        store: new FolderStore(store),
        openProver: async () => trusting,
        trust: testTrust(),
        log: SILENT,
        now: () => new Date(),
      });
      return report.databases.daily;
    };
    expect(await sync()).toMatchObject({ outcome: 'published', to: 1, how: 'downloaded' });

    upstream.set('daily.cvd', next.cvd);
    upstream.set('daily-2.cdiff', next.cdiff ?? '');
    upstream.forget();
    expect(await sync()).toMatchObject({ outcome: 'published', from: 1, to: 2, how: 'rebuilt' });
    expect(upstream.sent()).toBeLessThanOrEqual((await stat(next.cdiff ?? '')).size + 1024);
    expect((await readFile(join(store, 'daily.cvd'))).equals(await readFile(next.cvd))).toBe(true);
  }, 300_000);
});
