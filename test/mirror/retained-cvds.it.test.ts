import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { archiveName } from '../../scripts/cvd/names.ts';
import { checkedManifest } from '../../scripts/cycle/next-manifest.ts';
import { verifyCvdFile } from '../../scripts/files/verify.ts';
import { archivedVersions } from '../../scripts/mirror/archive.ts';
import { checkTree } from '../../scripts/mirror/check/check-tree.ts';
import type { DatabaseRecord, Manifest } from '../../scripts/mirror/manifest.ts';
import { publish } from '../../scripts/mirror/publish.ts';
import { readPublished } from '../../scripts/mirror/published.ts';
import { archiveCopies, fetchRetained, type RetentionContext } from '../../scripts/mirror/retained-cvds.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { type Archiving, cvdOf, recordOf, startArchiving } from '../store/archiving.ts';
import { temporaryFolder } from '../store/support.ts';
import { makeChain } from '../support/databases/chain.ts';
import { signatureLine } from '../support/databases/signatures.ts';
import { testTrust } from '../support/databases/signing.ts';

let it: Archiving;
beforeEach(() => {
  it = startArchiving();
});
const where = (name: string) => join(it.store.where, name);
const ARCHIVED_5 = archiveName('test', 5);

/** Changes bytes, and not the size. */
async function spoil(path: string): Promise<void> {
  const bytes = await readFile(path);
  await writeFile(path, bytes.fill(0, bytes.length - 20));
}

async function publishUpTo(version: number): Promise<void> {
  for (let step = 1; step <= version; step++) await it.publish(step);
}

/** Versions in the archive, as files and as the manifest has them, which is the same. */
async function archived(): Promise<number[]> {
  const { manifest } = await readPublished(it.store);
  const versions = archivedVersions(manifest, 'test');
  const names = await readdir(where('archive')).catch(() => []);
  expect(names.sort()).toEqual(versions.map((version) => `test-${version}.cvd`).sort());
  for (const version of versions) {
    expect((await readFile(where(archiveName('test', version)))).equals(cvdOf(version))).toBe(true);
  }
  return versions;
}

async function expectSound(): Promise<void> {
  const verdicts = (await checkTree(it.store.where, testTrust())).map(({ verdict }) => verdict);
  expect(new Set(verdicts)).toEqual(new Set(['proven']));
}

/** A cycle without news. */
async function check(keep: string | number): Promise<Manifest> {
  const published = await readPublished(it.store);
  if (published.manifest === undefined) throw new Error('nothing is published');
  const settings = { databases: [], archive: Number(keep), maxMirrorSize: undefined };
  const next = checkedManifest(published.manifest, {
    settings,
    now: new Date(),
    published,
    updates: [],
  });
  await publish(it.store, published.tag, { stage: undefined, next });
  return next;
}

describe('the archive', () => {
  test('keeps the newest earlier versions, no more than it is told to', async () => {
    await it.publish(1);
    expect(await archived()).toEqual([]);
    const kept = { 2: [1], 3: [2, 1], 4: [3, 2, 1], 5: [4, 3, 2], 6: [5, 4, 3] };
    for (const [version, versions] of Object.entries(kept)) {
      await it.publish(Number(version));
      expect(await archived()).toEqual(versions);
      await expectSound();
    }
    expect(it.warnings).toEqual([]);
  });

  test('has the time of the build in its files', async () => {
    await publishUpTo(6);
    expect((await stat(where(ARCHIVED_5))).mtime.toISOString()).toBe(recordOf(5).built);
  });

  test('of no versions is none', async () => {
    await it.publish(1, { keep: 0 });
    await it.publish(2, { keep: 0 });
    expect(await archived()).toEqual([]);
    expect(it.warnings).toEqual([]);
  });

  test('shrinks with a publication when fewer are kept', async () => {
    await publishUpTo(5);
    await it.publish(6, { keep: 1 });
    expect(await archived()).toEqual([5]);
    await it.publish(7, { keep: 0 });
    expect(await archived()).toEqual([]);
  });

  test('shrinks in a cycle without news when fewer are kept, and does not grow again by itself', async () => {
    await publishUpTo(6);
    expect((await check(2)).retired).toEqual([archiveName('test', 3)]);
    expect(await archived()).toEqual([5, 4]);
    expect((await check(3)).retired).toEqual([]);
    expect(await archived()).toEqual([5, 4]);
  });

  test('has no version that is served, when an earlier one is published again', async () => {
    await publishUpTo(6);
    await it.publish(5);
    expect(await archived()).toEqual([6, 4, 3]);
    await expectSound();
    await it.publish(6);
    expect(await archived()).toEqual([5, 4, 3]);
  });

  test('takes the CVD that is at hand rather than the store’s', async () => {
    await publishUpTo(5);
    const publishedCvd = join(temporaryFolder(), 'at-hand.cvd');
    await cp(where('test.cvd'), publishedCvd);
    await rm(where('test.cvd'));
    await it.publish(6, { publishedCvd });
    expect(await archived()).toEqual([5, 4, 3]);
  });

  test('takes the store’s if the one at hand is another', async () => {
    await publishUpTo(5);
    const publishedCvd = where(archiveName('test', 4));
    await it.publish(6, { publishedCvd });
    expect(await archived()).toEqual([5, 4, 3]);
  });

  test('does not take another CVD of the same version for it', async () => {
    await publishUpTo(5);
    const files = new Map([['test.hdb', Buffer.from(signatureLine(0, 99))]]);
    const [another] = makeChain('test', [files], { from: 5 });
    const publishedCvd = join(temporaryFolder(), 'at-hand.cvd');
    await writeFile(publishedCvd, another?.cvd ?? '');
    await rm(where('test.cvd'));
    await it.publish(6, { publishedCvd });
    expect(await archived()).toEqual([4, 3, 2]);
    expect(it.warnings).toHaveLength(1);
  });

  test('goes without a version that is not to be had any more, with a warning', async () => {
    await publishUpTo(5);
    await spoil(where('test.cvd'));
    await it.publish(6);
    expect(await archived()).toEqual([4, 3, 2]);
    expect(it.warnings).toEqual([expect.stringContaining('test 5')]);
    await expectSound();
  });

  test('loses what is missing, cut or spoilt in the store, with a warning each', async () => {
    await publishUpTo(6);
    await rm(where(archiveName('test', 3)));
    await writeFile(where(archiveName('test', 4)), 'cut');
    await spoil(where(ARCHIVED_5));
    await it.publish(7);
    expect(await archived()).toEqual([6]);
    expect(it.warnings).toHaveLength(3);
    await expectSound();
  });

  test('loses what is missing or cut in a cycle without news, so that the tree is sound again', async () => {
    await publishUpTo(6);
    await rm(where(archiveName('test', 3)));
    await writeFile(where(archiveName('test', 4)), 'cut');
    await check(3);
    expect(await archived()).toEqual([5]);
    await expectSound();
  });

  test('leaves files alone that no manifest names', async () => {
    await mkdir(where('archive'), { recursive: true });
    for (const name of ['notes', 'test-99.cvd', 'test.cvd'])
      await writeFile(where(`archive/${name}`), 'mine');
    await publishUpTo(6);
    await check(0);
    expect((await readdir(where('archive'))).sort()).toEqual(['notes', 'test-99.cvd', 'test.cvd']);
  });
});

describe('after a run from version 5 to 6 that was killed in the middle of its publication', () => {
  /** In the order of their renames; the manifest would be the last. */
  const RENAMES = ['test-6.cdiff', ARCHIVED_5, 'test.cvd', 'timestamp', 'dns.txt', 'proof.json', 'proof.txt'];

  /** The mirror at 5, with the first of these files as the killed run left them. */
  async function killedAfter(renames: number): Promise<void> {
    await publishUpTo(5);
    const before = temporaryFolder();
    await cp(it.store.where, before, { recursive: true });
    await it.publish(6);
    const after = temporaryFolder();
    await cp(it.store.where, after, { recursive: true });
    await rm(it.store.where, { recursive: true });
    await cp(before, it.store.where, { recursive: true });
    for (const name of RENAMES.slice(0, renames)) await cp(join(after, name), where(name));
  }

  test.each([1, 2, 3, 4])('(%i renames done) the tree is sound', async (renames) => {
    await killedAfter(renames);
    await expectSound();
  });

  test.each([1, 2, 3, 4])('(%i) the next run keeps what that run would have kept', async (renames) => {
    await killedAfter(renames);
    await it.publish(6);
    expect(await archived()).toEqual([5, 4, 3]);
    expect(it.warnings).toEqual([]);
    await expectSound();
  });

  test.each([1, 2, 3, 4])('(%i) so does a run to a still later version', async (renames) => {
    await killedAfter(renames);
    await it.publish(7);
    expect(await archived()).toEqual([5, 4, 3]);
    await expectSound();
  });

  test.each([1, 2, 3, 4])('(%i) a run that keeps none removes the archive', async (renames) => {
    await killedAfter(renames);
    await it.publish(7, { keep: 0 });
    expect(await archived()).toEqual([]);
  });

  test('what was put into the archive is removed by a check if version 5 stays', async () => {
    await killedAfter(2);
    expect((await check(3)).retired).toEqual([ARCHIVED_5]);
    expect(await archived()).toEqual([4, 3, 2]);
    expect((await check(3)).retired).toEqual([]);
  });

  test('what was put there and is spoilt since is not kept', async () => {
    await killedAfter(3);
    await spoil(where(ARCHIVED_5));
    await it.publish(7);
    expect(await archived()).toEqual([4, 3, 2]);
    expect(it.warnings).toHaveLength(1);
    await expectSound();
  });
});

test('a publication that fails half-way leaves a mirror that the next run completes', async () => {
  await publishUpTo(5);
  await rm(where('timestamp'));
  await mkdir(where('timestamp/in-the-way'), { recursive: true });
  await expect(it.publish(6)).rejects.toThrow();
  await expectSound();
  await rm(where('timestamp'), { recursive: true });
  await it.publish(6);
  expect(await archived()).toEqual([5, 4, 3]);
  await expectSound();
});

describe('retained versions for the proof', () => {
  const newsOf = (record: DatabaseRecord) => ({ database: 'test', record, isNew: true });
  const retainedBeside = async (record: DatabaseRecord, parts?: RetentionContext) => {
    const { cvds, unusable } = await fetchRetained([newsOf(record)], parts ?? (await it.parts()));
    return { cvds: cvds.get('test') ?? [], unusable };
  };

  test('are those that CDIFFs lead from, each proven, outside the stage', async () => {
    await publishUpTo(5);
    await it.publish(6, { keep: 5 });
    expect(await archived()).toEqual([5, 4, 3, 2]);
    await check(5);
    const parts = await it.parts();
    const record = { ...recordOf(7), cdiffs: { first: 5, last: 7 } };
    const { cvds, unusable } = await retainedBeside(record, parts);
    expect(cvds.map(({ version }) => version)).toEqual([5, 4]);
    expect(unusable).toEqual([]);
    for (const { version, path } of cvds) {
      expect((await verifyCvdFile(path, testTrust())).header.version).toBe(version);
      expect(path.startsWith(parts.stage.folder)).toBe(false);
    }
    expect(await readdir(parts.stage.folder)).toEqual([]);
  });

  test('are none where no CDIFFs are, or nothing is published', async () => {
    const none = { cvds: [], unusable: [] };
    expect(await retainedBeside(recordOf(7))).toEqual(none);
    await publishUpTo(6);
    expect(await retainedBeside({ ...recordOf(7), cdiffs: null })).toEqual(none);
  });

  test('are none of a database without news', async () => {
    await publishUpTo(6);
    const { cvds } = await fetchRetained([{ ...newsOf(recordOf(6)), isNew: false }], await it.parts());
    expect(cvds.size).toBe(0);
  });

  test('are none that are newer than the next one', async () => {
    await publishUpTo(6);
    const { cvds } = await retainedBeside(recordOf(4));
    expect(cvds.map(({ version }) => version)).toEqual([3]);
  });

  test.each<[string, (path: string) => Promise<void>]>([
    ['that is missing', (path) => rm(path)],
    ['that was cut', (path) => writeFile(path, '')],
    ['with other bytes', spoil],
    ['that is another version', (path) => writeFile(path, cvdOf(4))],
  ])('skip one %s, with a warning', async (_, damage) => {
    await publishUpTo(6);
    await damage(where(ARCHIVED_5));
    const { cvds, unusable } = await retainedBeside(recordOf(7));
    expect(cvds.map(({ version }) => version)).toEqual([4, 3]);
    expect(unusable).toEqual([ARCHIVED_5]);
    expect(it.warnings).toEqual([expect.stringContaining(ARCHIVED_5)]);
  });

  test('of another signer are skipped', async () => {
    await publishUpTo(6);
    const parts = { ...(await it.parts()), trust: TALOS };
    expect((await retainedBeside(recordOf(7), parts)).cvds).toEqual([]);
    expect(await archiveCopies([newsOf(recordOf(7))], 3, parts)).toEqual([]);
  });
});
