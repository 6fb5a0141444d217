import { chmod, copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Log } from '../../../scripts/base/log.ts';
import { startHost } from '../../../scripts/host/host.ts';
import { PRIVATE_FOLDER } from '../../../scripts/store/folder.ts';
import { trusting } from '../../support/clamav/engines.ts';
import { freshclam, privateFreshclam } from '../../support/clamav/update-clients.ts';
import { describeMirror, faults, offer, startMirror, type TestMirror } from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';

const ASIDE = join(PRIVATE_FOLDER, 'set-aside');

/** One cycle that proves nothing, and what it warned of. */
async function sync(mirror: TestMirror) {
  const warnings: string[] = [];
  const log: Log = { info: () => {}, warn: (line) => void warnings.push(line), progress: () => {} };
  const { outcome } = await mirror.sync({ openProver: async () => trusting, log });
  return { outcome, aside: warnings.filter((line) => line.startsWith('set aside')) };
}

/** The version that a new client of a host gets that serves whatever is in the folder. */
async function arrival(mirror: TestMirror, name: string): Promise<number | undefined> {
  await using host = await startHost({ folder: mirror.store });
  await chmod(mirror.folder, 0o755);
  const client = name === 'private' ? privateFreshclam : freshclam;
  return await client.update(join(mirror.folder, `client-${name}`), host.url);
}

describeMirror('a folder in which a freshclam left a .cld', () => {
  test('is taken over without it, so that PrivateMirror clients get the new version too', async () => {
    await using mirror = await startMirror(6);
    await mkdir(mirror.store);
    await copyFile(official('test-5.cvd'), join(mirror.store, 'test.cld'));
    await copyFile(official('test-5.cvd'), join(mirror.store, 'main.cvd'));
    expect(await arrival(mirror, 'private')).toBe(5);
    const { outcome, aside } = await sync(mirror);
    expect(outcome).toBe('published');
    expect(aside).toEqual([expect.stringMatching(/main\.cvd, test\.cld/)]);
    expect((await readdir(join(mirror.store, ASIDE))).sort()).toEqual(['main.cvd', 'test.cld']);
    expect([await arrival(mirror, 'private'), await arrival(mirror, 'other')]).toEqual([6, 6]);
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('keeps it while nothing can be published there', async () => {
    await using mirror = await startMirror(6);
    await mkdir(mirror.store);
    await copyFile(official('test-5.cvd'), join(mirror.store, 'test.cld'));
    mirror.upstream.remove('test.cvd');
    expect((await sync(mirror)).outcome).toBe('failed');
    expect(await readdir(mirror.store)).toEqual(['test.cld']);
  });

  test('gives it up in a cycle without news, and in one that fails', async () => {
    await using mirror = await startMirror(6);
    expect((await sync(mirror)).outcome).toBe('published');
    for (const expected of ['unchanged', 'failed']) {
      await copyFile(official('test-5.cvd'), join(mirror.store, 'test.cld'));
      expect(await faults(mirror.store)).not.toEqual([]);
      const { outcome, aside } = await sync(mirror);
      expect([outcome, aside.length]).toEqual([expected, 1]);
      expect(await faults(mirror.store)).toEqual([]);
      mirror.upstream.remove('test.cvd');
    }
    offer(mirror, 6);
    expect(await sync(mirror)).toEqual({ outcome: 'unchanged', aside: [] });
    expect(await readdir(join(mirror.store, ASIDE))).toHaveLength(2);
  });
});
