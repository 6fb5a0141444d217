import { copyFile, mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SILENT } from '../../../scripts/base/log.ts';
import { runCycle } from '../../../scripts/cycle/cycle.ts';
import type { CycleReport } from '../../../scripts/cycle/report.ts';
import { parseManifest } from '../../../scripts/mirror/manifest.ts';
import { syncSettings } from '../../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { TALOS } from '../../../scripts/verify/trust.ts';
import { trusting } from '../../support/clamav/engines.ts';
import {
  describeMirror,
  faults,
  hashes,
  namesIn,
  offer,
  ofTest,
  startMirror,
  type TestMirror,
  untouched,
  updateClient,
} from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';

/** A cycle of a mirror that may take so many bytes. */
async function sync(mirror: TestMirror, limit: number): Promise<CycleReport> {
  const { upstream, store, work } = mirror;
  const flags = { upstream: upstream.url, dns: 'off', databases: 'test', store, work };
  const settings = { ...syncSettings({ flags, environment: {} }), maxMirrorSize: limit };
  const parts = { trust: TALOS, log: SILENT, now: () => new Date(), openProver: async () => trusting };
  return await runCycle(settings, { store: new FolderStore(store), ...parts });
}

async function sizeOf(mirror: TestMirror): Promise<number> {
  const names = [...(await hashes(mirror.store)).keys()];
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(mirror.store, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

const names = async ({ store }: TestMirror) =>
  [...(await hashes(store)).keys()].filter((name) => /\.(cvd|cdiff)$/.test(name)).sort();

const chain = async ({ store }: TestMirror) =>
  parseManifest(await readFile(join(store, 'manifest.json'), 'utf8'), store).databases.test?.cdiffs;

describeMirror('a mirror that may take so many bytes', () => {
  test('loses its archive, then CDIFFs, with news and without, and asks upstream for none of them again', async () => {
    await using mirror = await startMirror(4);
    await sync(mirror, Number.POSITIVE_INFINITY);
    offer(mirror, 5);
    await sync(mirror, Number.POSITIVE_INFINITY);
    const whole = await sizeOf(mirror);
    expect(await names(mirror)).toContain('archive/test-4.cvd');

    expect((await sync(mirror, whole - 1)).outcome).toBe('unchanged');
    expect(await names(mirror)).toEqual([...[2, 3, 4, 5].map((step) => `test-${step}.cdiff`), 'test.cvd']);

    await sync(mirror, whole); // forgets what was retired
    const limit = (await sizeOf(mirror)) - 1;
    expect((await sync(mirror, limit)).outcome).toBe('unchanged');
    expect(await chain(mirror)).toEqual({ first: 3, last: 5 });
    expect(await sizeOf(mirror)).toBeLessThanOrEqual(limit);

    offer(mirror, 6);
    mirror.upstream.forget();
    const report = await sync(mirror, limit);
    expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 6, how: 'rebuilt' });
    expect(await sizeOf(mirror)).toBeLessThanOrEqual(limit);
    expect(await names(mirror)).not.toContain('archive/test-5.cvd');
    expect((await chain(mirror))?.first).toBeGreaterThan(3);
    expect(mirror.upstream.asked.filter((name) => /cdiff$/.test(name))).toEqual(['test-6.cdiff']);
    expect(await faults(mirror.store)).toEqual([]);
    for (const [version, file] of [
      [1, 'test.cvd'], // too far behind for the window: it takes the whole
      [5, 'test.cld'],
    ]) {
      const client = join(mirror.folder, `client-${version}`);
      await mkdir(join(client, 'db'), { recursive: true });
      await copyFile(official(`test-${version}.cvd`), join(client, 'db', 'test.cvd'));
      expect(await updateClient(mirror.store, client, 6)).toBe(`${file} 6`);
    }
    mirror.upstream.forget();
    expect((await sync(mirror, limit)).outcome).toBe('unchanged');
    expect(mirror.upstream.asked).toEqual(['test.cvd', 'test-6.cvd.sign']);
  });

  test('is left as it was if the least of the next one does not fit', async () => {
    await using mirror = await startMirror(5);
    const report = await sync(mirror, 1000);
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'store/too-large' });
    expect(await namesIn(mirror.store)).toEqual([]);
    await sync(mirror, Number.POSITIVE_INFINITY);
    await untouched(mirror, async () => {
      const checked = await sync(mirror, 1000);
      expect(checked).toMatchObject({ outcome: 'failed', error: { code: 'store/too-large' } });
    });
  });
});
