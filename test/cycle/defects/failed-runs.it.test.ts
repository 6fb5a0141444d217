import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startHost } from '../../../scripts/host/host.ts';
import type { Prove } from '../../../scripts/proof/prove.ts';
import { trusting } from '../../support/clamav/engines.ts';
import {
  describeMirror,
  expectNoLeftovers,
  namesIn,
  ofTest,
  startMirror,
  startPublished,
  type TestMirror,
  untouched,
  versionOf,
} from '../../support/mirror/cycle.ts';
import type { Fault } from '../../support/mirror/upstream.ts';

const PAGE = '<html>Please log in</html>';

describeMirror('defect 14: a failed pull looks like a first run', () => {
  const damages: Readonly<Record<string, [code: string, damage: (store: string) => Promise<unknown>]>> = {
    'is no JSON': ['store/manifest', (store) => writeFile(join(store, 'manifest.json'), '<html>')],
    'is empty': ['store/manifest', (store) => writeFile(join(store, 'manifest.json'), '')],
    'is cut short': [
      'store/manifest',
      async (store) => {
        const path = join(store, 'manifest.json');
        await writeFile(path, (await readFile(path)).subarray(0, -9));
      },
    ],
    'describes nothing': ['store/manifest', (store) => writeFile(join(store, 'manifest.json'), '{}')],
    'is of another format': [
      'store/newer',
      async (store) => {
        const path = join(store, 'manifest.json');
        await writeFile(path, (await readFile(path, 'utf8')).replace('"format": 1', '"format": 2'));
      },
    ],
  };

  test.each(Object.keys(damages))(
    'nothing is asked, deleted or published if the manifest %s',
    async (name) => {
      const [code, damage] = damages[name] ?? ['', async () => {}];
      await using mirror = await startPublished(1, 6);
      await damage(mirror.store);
      const report = await untouched(mirror, () => mirror.sync());
      expect(report).toMatchObject({ outcome: 'failed', databases: {}, error: { code } });
      expect(report.error?.message).toMatch(
        code === 'store/newer' ? /Update this tool/ : /Restore the manifest/,
      );
      expect(mirror.upstream.asked).toEqual([]);
    },
  );

  test('a manifest that cannot be read is not a missing one', async () => {
    await using mirror = await startPublished(1, 6);
    const path = join(mirror.store, 'manifest.json');
    await rm(path);
    await mkdir(path);
    const before = await namesIn(mirror.store);
    const run = await mirror.syncCli();
    expect(run.exitCode).toBe(1);
    expect(run.json()).toMatchObject({ outcome: 'failed', error: { code: 'store/unreadable' } });
    expect(await namesIn(mirror.store)).toEqual(before);
    expect(await versionOf(mirror.store)).toBe(1);
    expect(mirror.upstream.asked).toEqual([]);
  });

  test('a store that is not a folder is not an empty one', async () => {
    await using mirror = await startMirror();
    await writeFile(mirror.store, 'a file');
    const report = await mirror.sync();
    expect(report).toMatchObject({ outcome: 'failed', error: { code: 'store/unreadable' } });
    expect(await readFile(mirror.store, 'utf8')).toBe('a file');
  });

  test('an update failure keeps the good databases and the cool-down', async () => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail('test-3.cdiff', { status: 429, retryAfter: '3600' });
    const first = await untouched(mirror, () => mirror.sync());
    expect(ofTest(first)).toMatchObject({
      outcome: 'failed',
      code: 'upstream/cool-down',
      from: 1,
      to: 1,
      offered: 6,
    });
    await expectNoLeftovers(mirror);

    mirror.upstream.fail('test-3.cdiff');
    mirror.upstream.forget();
    const run = await untouched(mirror, () => mirror.syncCli());
    expect(run.exitCode).toBe(1);
    expect(run.json()).toMatchObject({
      databases: { test: { outcome: 'failed', code: 'upstream/cool-down', to: 1 } },
    });
    expect(mirror.upstream.asked).toEqual([]);

    const later = new Date(Date.now() + 2 * 3600_000);
    const last = await mirror.sync({ now: () => later });
    expect(ofTest(last)).toMatchObject({ outcome: 'published', from: 1, to: 6 });
  });

  const troubles: Readonly<Record<string, Fault>> = {
    'has not even a connection to give': { cutAfter: 'head' },
    'is broken': { status: 500 },
    'has lost its files': { status: 404 },
    'forbids it': { status: 403 },
    'cuts every answer': { cutAfter: 100 },
    'packs what must not be packed': { gzip: true },
  };
  test.concurrent.each(Object.keys(troubles))('all stays as it is when upstream %s', async (name) => {
    await using mirror = await startPublished(1, 6);
    mirror.upstream.fail('*', troubles[name] ?? { status: 500 });
    const report = await untouched(mirror, () => mirror.sync());
    expect(report.outcome).toBe('failed');
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', from: 1, to: 1, how: 'unchanged' });
    await expectNoLeftovers(mirror);
  });
});

describeMirror('defect 17: a failed first run leaves an empty mirror that answers health checks', () => {
  const failures: Readonly<Record<string, (mirror: TestMirror) => Promise<unknown>>> = {
    'found no upstream': async (mirror) => {
      mirror.upstream.fail('*', { status: 404 });
      expect((await mirror.sync()).outcome).toBe('failed');
    },
    'was offered a page': async (mirror) => {
      mirror.upstream.fail('test.cvd', { page: PAGE });
      expect((await mirror.sync()).outcome).toBe('failed');
    },
    'could not prove it': async (mirror) => {
      const openProver = async (): Promise<Prove> => async (candidate) => ({
        ...(await trusting(candidate)),
        passed: false,
      });
      expect((await mirror.sync({ openProver })).outcome).toBe('refused');
    },
    'was disturbed while it published': async (mirror) => {
      const openProver = async (): Promise<Prove> => async (candidate) => {
        await appendFile(join(candidate.folder, 'test.cvd'), 'x');
        return await trusting(candidate);
      };
      expect((await mirror.sync({ openProver })).outcome).toBe('failed');
    },
  };

  describe.each(Object.keys(failures))('after a first run that %s', (name) => {
    test('there is nothing but 404, and no timestamp', async () => {
      await using mirror = await startMirror();
      await failures[name]?.(mirror);
      await mkdir(mirror.store, { recursive: true });
      await using host = await startHost({ folder: mirror.store });
      const paths = ['', 'index.html', 'manifest.json', 'timestamp', 'test.cvd'];
      for (const path of [...paths, '.clamav-mirror/lock', '.clamav-mirror/']) {
        const answer = await fetch(`${host.url}/${path}`);
        expect([path, answer.status]).toEqual([path, 404]);
      }
    });
  });
});
