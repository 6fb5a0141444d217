import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import type { Engine } from '../../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../../scripts/engine/native.ts';
import { manifestOf as readManifestOf } from '../../../scripts/mirror/published.ts';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { trusting } from '../../support/clamav/engines.ts';
import { FOUND_BY_TALOS } from '../../support/databases/found-by-talos.ts';
import {
  describeMirror,
  faults,
  manifestOf,
  namesIn,
  offer,
  ofTest,
  startMirror,
  type TestMirror,
} from '../../support/mirror/cycle.ts';
import { allowIn, EICAR } from './allowing.ts';
import { checkAndScan } from './scanning-client.ts';

const signature = (name: string, text: string) => `${name}:0:*:${Buffer.from(text).toString('hex')}\n`;
const GOOD = signature('Ours.Bad-1', 'something bad');
/** Every file of our safe samples has such a byte. */
const EAGER = signature('Ours.Eager-1', 'harmful');

/** A mirror of version 5 with these files as extras; each may change. */
async function startWith(files: Readonly<Record<string, string>>) {
  const mirror = await startMirror(5);
  const write = async (name: string, text: string) => await writeFile(join(mirror.folder, name), text);
  const flagsFor = (names: readonly string[]) => ({
    flags:
      names.length === 0
        ? {}
        : { extra: names.map((name) => `${name}=${join(mirror.folder, name)}`).join('\n') },
  });
  for (const [name, text] of Object.entries(files)) await write(name, text);
  expect((await mirror.sync({ openProver: async () => trusting })).outcome).toBe('published');
  return { mirror, write, sync: async (names = Object.keys(files)) => await mirror.sync(flagsFor(names)) };
}

const servedIn = async ({ store }: TestMirror) =>
  Object.keys((await manifestOf({ store })).extras?.files ?? {});

describeMirror('extras', () => {
  let native: Engine;
  beforeAll(async () => {
    native = await findNativeEngine(process.env.PATH ?? '');
  });

  test('that are good are published, and one that is not is left out, by its name', async () => {
    const { mirror, sync } = await startWith({
      'good.ndb': GOOD,
      'eager.ndb': EAGER,
      'also.hdb': `${'0'.repeat(32)}:9:Ours.Hash-1\n`,
    });
    await using _ = mirror;
    const report = await sync();
    expect(report).toMatchObject({
      outcome: 'unchanged',
      extras: {
        'good.ndb': { outcome: 'published' },
        'also.hdb': { outcome: 'published' },
        'eager.ndb': { outcome: 'refused', code: 'proof/failed' },
      },
    });
    expect(await servedIn(mirror)).toEqual(['also.hdb', 'good.ndb']);
    expect(await namesIn(mirror.store)).not.toContain('eager.ndb');
    expect(await faults(mirror.store)).toEqual([]);
    const found = await checkAndScan(native, mirror.store, join(mirror.folder, 'client'), [
      'good.ndb',
      'also.hdb',
    ]);
    expect(found.eicar).toBe(EICAR);
  });

  test('stay as they were where the new file is bad, and where the old one is, they go', async () => {
    const { mirror, sync, write } = await startWith({ 'ours.ndb': GOOD });
    await using _ = mirror;
    await sync();
    const before = (await manifestOf(mirror)).extras?.files['ours.ndb'];
    await write('ours.ndb', EAGER);
    expect((await sync()).extras).toMatchObject({ 'ours.ndb': { outcome: 'refused' } });
    expect((await manifestOf(mirror)).extras?.files['ours.ndb']).toEqual(before);
    await write('ours.ndb', GOOD);
    expect((await sync()).extras).toEqual({ 'ours.ndb': { outcome: 'unchanged' } });
    expect((await sync([])).extras).toEqual({ 'ours.ndb': { outcome: 'retired' } });
    expect(await servedIn(mirror)).toEqual([]);
    expect(await namesIn(mirror.store)).not.toContain('ours.ndb');
  });

  test('never hold up what is new of the databases, and are proven again beside it', async () => {
    const { mirror, sync } = await startWith({ 'ours.ndb': GOOD, 'eager.ndb': EAGER });
    await using _ = mirror;
    await sync();
    offer(mirror, 6);
    const report = await sync();
    expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 6 });
    const { extras } = await manifestOf(mirror);
    expect(extras?.proof?.databases).toEqual({ test: 6 });
    expect(Object.keys(extras?.files ?? {})).toEqual(['ours.ndb']);
  });

  test('are brought up to date though upstream does not answer', async () => {
    const { mirror, sync } = await startWith({ 'ours.ndb': GOOD });
    await using _ = mirror;
    await mirror.upstream[Symbol.asyncDispose]();
    const report = await sync();
    expect(report).toMatchObject({ outcome: 'failed', extras: { 'ours.ndb': { outcome: 'published' } } });
  });

  test('stay beside an allow list that is changed by a command', async () => {
    const { mirror, sync } = await startWith({ 'ours.ndb': GOOD });
    await using _ = mirror;
    await sync();
    await allowIn(mirror, { what: 'Ours.Bad-1', reason: 'a false alarm' });
    expect(await servedIn(mirror)).toEqual(['local.ign2', 'local.sfp', 'ours.ndb']);
    expect((await sync()).extras).toMatchObject({ 'ours.ndb': { outcome: 'unchanged' } });
  });

  test('are fetched again where the store has lost or changed them', async () => {
    const { mirror, sync } = await startWith({ 'ours.ndb': GOOD });
    await using _ = mirror;
    await sync();
    await writeFile(join(mirror.store, 'ours.ndb'), EAGER);
    expect(await faults(mirror.store)).toHaveLength(1);
    expect((await sync()).extras).toEqual({ 'ours.ndb': { outcome: 'published' } });
    await rm(join(mirror.store, 'ours.ndb'));
    expect((await sync()).extras).toEqual({ 'ours.ndb': { outcome: 'published' } });
    expect(await faults(mirror.store)).toEqual([]);
    // nobody has it any more: clients get none
    await writeFile(join(mirror.store, 'ours.ndb'), EAGER);
    await rm(join(mirror.folder, 'ours.ndb'));
    await rm(join(mirror.work, 'extras'), { recursive: true });
    expect((await sync()).extras).toMatchObject({ 'ours.ndb': { outcome: 'failed' } });
    expect(await namesIn(mirror.store)).not.toContain('ours.ndb');
  });

  test('of which a part of the manifest is wrong lose that part alone', async () => {
    const { mirror, sync } = await startWith({ 'ours.ndb': GOOD });
    await using _ = mirror;
    await allowIn(mirror, { what: FOUND_BY_TALOS, reason: 'a false alarm' });
    await sync();
    const manifest = await manifestOf(mirror);
    const { files } = manifest.extras ?? { files: {} };
    const spoilt = { ...manifest.extras, files: { ...files, 'ours.ndb': { size: -1 } }, proof: 'none' };
    await writeFile(join(mirror.store, 'manifest.json'), JSON.stringify({ ...manifest, extras: spoilt }));
    await expect(allowIn(mirror, { what: 'Win.Foo-1', reason: 'a false alarm' })).rejects.toMatchObject({
      code: 'store/manifest',
    });
    expect((await sync()).extras).toMatchObject({
      'ours.ndb': { outcome: 'published' },
      'local.ign2': { outcome: 'unchanged' },
    });
    const mended = await readManifestOf(new FolderStore(mirror.store));
    expect(mended?.extras).toMatchObject({ allowed: [{ what: FOUND_BY_TALOS }], proof: { passed: true } });
    expect(await faults(mirror.store)).toEqual([]);
  });
});
