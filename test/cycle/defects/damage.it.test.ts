import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { trusting } from '../../support/clamav/engines.ts';
import {
  describeMirror,
  expectNoLeftovers,
  faults,
  namesIn,
  offer,
  ofTest,
  published,
  startMirror,
  startPublished,
  untouched,
} from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';

const quick = { openProver: async () => trusting };

/** A store whose damage comes after the inspection, so that only what is carried into the stage shows it. */
class LateStore extends FolderStore {
  override readonly sight = {
    trustedFor: 0,
    isFar: true,
    seals: async () => new Map(),
    hash: async () => undefined,
  };
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 0x20;
  await writeFile(path, bytes);
}

describeMirror('a published tree that is damaged', () => {
  const damages: Readonly<Record<string, (store: string) => Promise<void>>> = {
    'the CVD deleted': (store) => rm(join(store, 'test.cvd')),
    'the CVD cut short': (store) => truncate(join(store, 'test.cvd'), 5000),
    'the CVD empty': (store) => truncate(join(store, 'test.cvd'), 0),
    'a CDIFF deleted': (store) => rm(join(store, 'test-4.cdiff')),
    'a CDIFF cut short': (store) => truncate(join(store, 'test-4.cdiff'), 400),
    'everything deleted but the manifest': async (store) => {
      for (const name of await namesIn(store)) {
        if (name !== 'manifest.json') await rm(join(store, name), { recursive: true });
      }
    },
  };

  test.each(Object.keys(damages))('is healed by the next run: %s', async (name) => {
    await using mirror = await startPublished(6, 6);
    const whole = await published(mirror.store);
    await damages[name]?.(mirror.store);
    expect(await faults(mirror.store)).not.toEqual([]);
    const report = await mirror.sync(quick);
    expect(ofTest(report)).toMatchObject({ outcome: 'published', from: 6, to: 6 });
    expect(await published(mirror.store)).toEqual(whole);
    expect(await faults(mirror.store)).toEqual([]);
    await expectNoLeftovers(mirror);
    if (name.includes('CDIFF')) expect(mirror.upstream.sent('test.cvd')).toBeLessThanOrEqual(522);
  });

  const flips: Readonly<Record<string, [name: string, at: number]>> = {
    "the CVD's header": ['test.cvd', 30],
    "the CVD's body": ['test.cvd', 6000],
    'a CDIFF': ['test-4.cdiff', 300],
  };
  test.each(Object.keys(flips))('is healed by the next run with news: a bit flipped in %s', async (what) => {
    await using mirror = await startPublished(5, 5);
    const [name, at] = flips[what] ?? ['', 0];
    await flip(join(mirror.store, name), at);
    expect(await faults(mirror.store)).not.toEqual([]);
    offer(mirror, 6);
    expect(ofTest(await mirror.sync())).toMatchObject({ outcome: 'published', from: 5, to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
    expect(await namesIn(mirror.store)).toContain('test-4.cdiff');
    await expectNoLeftovers(mirror);
  });

  test('stays as it is while upstream cannot heal it, and is then healed', async () => {
    await using mirror = await startPublished(6, 6);
    const whole = await published(mirror.store);
    await rm(join(mirror.store, 'test-4.cdiff'));
    mirror.upstream.fail('*', { status: 404 });
    const report = await untouched(mirror, () => mirror.sync(quick));
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', from: 6, to: 6 });
    mirror.upstream.fail('*');
    expect((await mirror.sync(quick)).outcome).toBe('published');
    expect(await published(mirror.store)).toEqual(whole);
  });

  test('stays as it is if, after the news, upstream has nothing more to give', async () => {
    await using mirror = await startPublished(5, 6);
    await flip(join(mirror.store, 'test-4.cdiff'), 300);
    mirror.upstream.fail('test.cvd', { times: 2, noValidator: true }, { status: 404 }); // probe, download, probe
    const store = new LateStore(mirror.store);
    const report = await untouched(mirror, () => mirror.sync({ ...quick, store }));
    expect(report.proof).toBeNull();
    expect(ofTest(report)).toMatchObject({ outcome: 'failed', code: 'upstream/missing', from: 5, to: 5 });
  });

  test('is healed though its news was refused, and that is what the report says', async () => {
    await using mirror = await startPublished(5, 6);
    await flip(join(mirror.store, 'test-4.cdiff'), 300);
    mirror.upstream.set('bytecode.cvd', official('bytecode.cvd')); // other news, so that the stage is completed
    mirror.upstream.fail('test-6.cdiff', { times: 1, page: '<html>' });
    mirror.upstream.set('test-6.cdiff', official('test-6.cdiff'));
    const store = new LateStore(mirror.store);
    const report = await mirror.sync({ ...quick, store, flags: { databases: 'test,bytecode' } });
    expect(report.outcome).toBe('published');
    expect(ofTest(report)).toMatchObject({ outcome: 'published', from: 5, to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('is built anew if its manifest is gone, and keeps what is there meanwhile', async () => {
    await using mirror = await startPublished(6, 6);
    const whole = await published(mirror.store);
    await rm(join(mirror.store, 'manifest.json'));
    mirror.upstream.fail('test-3.cdiff', { status: 404 });
    mirror.upstream.fail('test.cvd', { status: 404 });
    await untouched(mirror, () => mirror.sync(quick));
    mirror.upstream.fail('test-3.cdiff');
    mirror.upstream.fail('test.cvd');
    mirror.upstream.forget();
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', from: null, to: 6 });
    expect(mirror.upstream.sent('test.cvd')).toBeLessThanOrEqual(522);
    expect(await published(mirror.store)).toEqual(whole);
  });
});

describe('files that are not ours', () => {
  describeMirror('in the store', () => {
    test('are never touched', async () => {
      await using mirror = await startMirror(5);
      await mkdir(join(mirror.store, 'archive'), { recursive: true });
      for (const name of ['index.html', 'local.hdb', 'archive/test.cvd', '.htaccess']) {
        await writeFile(join(mirror.store, name), `my own ${name}`);
      }
      await mirror.sync(quick);
      offer(mirror, 6);
      await mirror.sync(quick);
      await mirror.sync(quick);
      for (const name of ['index.html', 'local.hdb', 'archive/test.cvd', '.htaccess']) {
        expect(await readFile(join(mirror.store, name), 'utf8')).toBe(`my own ${name}`);
      }
    });
  });
});
