import { copyFile, cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { parseManifest } from '../../scripts/mirror/manifest.ts';
import { trusting } from '../support/clamav/engines.ts';
import {
  describeMirror,
  expectNoLeftovers,
  faults,
  offer,
  ofTest,
  published,
  startMirror,
  type TestMirror,
  versionOf,
} from '../support/mirror/cycle.ts';

const quick = { openProver: async () => trusting, readBackPatience: { tries: 2, pause: 10 } };

function syncWith(mirror: TestMirror, url: string) {
  return mirror.sync({ ...quick, flags: { 'public-url': url, cdiffs: '2' } });
}

describeMirror('what was published is read back', () => {
  test('through the public URL, and stands if it is served', async () => {
    await using mirror = await startMirror(5);
    await mkdir(mirror.store);
    await using host = await startHost({ folder: mirror.store });
    expect(ofTest(await syncWith(mirror, host.url))).toMatchObject({ outcome: 'published', to: 5 });
    offer(mirror, 6);
    const report = await syncWith(mirror, host.url);
    expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 6 });
    expect(report.times['read back']).toBeGreaterThan(0);
  });

  test('and taken back if something else is served: the mirror is again what it was', async () => {
    await using mirror = await startMirror(5);
    await mirror.sync({ ...quick, flags: { cdiffs: '2' } });
    const before = await published(mirror.store);
    const stale = join(mirror.folder, 'stale');
    await cp(mirror.store, stale, { recursive: true });
    await using cache = await startHost({ folder: stale });
    offer(mirror, 6);
    const report = await syncWith(mirror, cache.url);
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'read-back/mismatch', offered: 6 });
    expect(await versionOf(mirror.store)).toBe(5);
    expect(await faults(mirror.store)).toEqual([]);
    const after = await published(mirror.store);
    expect(after['test.cvd']).toBe(before['test.cvd']);
    expect(Object.keys(after)).not.toContain('test-6.cdiff');
    const manifest = parseManifest(await readFile(join(mirror.store, 'manifest.json'), 'utf8'), 'the store');
    expect(manifest.databases.test).toMatchObject({ version: 5, cdiffs: { first: 5, last: 5 } }); // 4 had gone
    await expectNoLeftovers(mirror);
    await using host = await startHost({ folder: mirror.store });
    expect(ofTest(await syncWith(mirror, host.url))).toMatchObject({ outcome: 'published', from: 5, to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('byte by byte, not by the manifest alone', async () => {
    await using mirror = await startMirror(5);
    await mirror.sync(quick);
    const broken = join(mirror.folder, 'broken');
    offer(mirror, 6);
    // a host that shows the new manifest, and a CVD with one other byte
    await mirror.sync({
      ...quick,
      flags: { store: join(mirror.folder, 'twin'), work: join(mirror.folder, 'w') },
    });
    await mkdir(broken);
    await using host = await startHost({ folder: broken });
    const spoiling = syncWith(mirror, host.url);
    await copyFile(join(mirror.folder, 'twin', 'test-6.cdiff'), join(broken, 'test-6.cdiff'));
    const cvd = await readFile(join(mirror.folder, 'twin', 'test.cvd'));
    cvd[cvd.length - 1] = (cvd[cvd.length - 1] ?? 0) ^ 1;
    await writeFile(join(broken, 'test.cvd'), cvd);
    expect(ofTest(await spoiling)).toMatchObject({ outcome: 'failed', code: 'read-back/mismatch' });
    expect(await versionOf(mirror.store)).toBe(5);
  });

  test('on a new mirror there is nothing to go back to: it stays, and the run fails', async () => {
    await using mirror = await startMirror(6);
    const report = await syncWith(mirror, 'http://127.0.0.1:9');
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'read-back/mismatch', to: null });
    expect(await faults(mirror.store)).toEqual([]);
  });
});
