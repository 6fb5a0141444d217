import { copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { archiveName } from '../../scripts/cvd/names.ts';
import { archivedVersions } from '../../scripts/mirror/archive.ts';
import { parseManifest, textOf } from '../../scripts/mirror/manifest.ts';
import type { Prove } from '../../scripts/proof/prove.ts';
import { openProver, trusting } from '../support/clamav/engines.ts';
import {
  describeMirror,
  expectNoLeftovers,
  faults,
  namesIn,
  offer,
  ofTest,
  type SyncChange,
  sha256,
  startMirror,
  type TestMirror,
} from '../support/mirror/cycle.ts';
import { official } from '../support/setup/official.ts';

const quick = { openProver: async () => trusting };

/** Versions in the archive, newest first, each the official file, and no other file with them. */
async function archived(mirror: TestMirror): Promise<number[]> {
  const text = await readFile(join(mirror.store, 'manifest.json'), 'utf8');
  const versions = archivedVersions(parseManifest(text, mirror.store), 'test');
  expect(await namesIn(join(mirror.store, 'archive'))).toEqual(
    versions.map((version) => `test-${version}.cvd`).sort(),
  );
  for (const version of versions) {
    const bytes = await readFile(join(mirror.store, archiveName('test', version)));
    expect(sha256(bytes)).toBe(sha256(await readFile(official(`test-${version}.cvd`))));
  }
  return versions;
}

async function publish(mirror: TestMirror, version: number, change: SyncChange = quick): Promise<void> {
  offer(mirror, version);
  const report = await mirror.sync(change);
  expect(ofTest(report)).toMatchObject({ outcome: 'published', to: version });
  expect(await faults(mirror.store)).toEqual([]);
  await expectNoLeftovers(mirror);
}

/** Passes everything, and writes down which retained versions clients would be started at. */
function watching(): { seen: number[][]; change: SyncChange } {
  const seen: number[][] = [];
  const prove: Prove = async (candidate) => {
    seen.push((candidate.retained.get('test') ?? []).map(({ version }) => version));
    return await trusting(candidate);
  };
  return { seen, change: { openProver: async () => prove } };
}

describeMirror('the archive of a mirror', () => {
  test('keeps the three versions before the one that is served', async () => {
    await using mirror = await startMirror(1);
    const kept = [[], [1], [2, 1], [3, 2, 1], [4, 3, 2], [5, 4, 3]];
    for (const [index, versions] of kept.entries()) {
      await publish(mirror, index + 1);
      expect(await archived(mirror)).toEqual(versions);
    }
    expect((await mirror.sync(quick)).outcome).toBe('unchanged');
    expect(await archived(mirror)).toEqual([5, 4, 3]);
  });

  test('is as small as one wants, also when nothing is new', async () => {
    await using mirror = await startMirror(1);
    for (const version of [1, 2, 3, 4]) await publish(mirror, version);
    expect((await mirror.sync({ ...quick, flags: { archive: '2' } })).outcome).toBe('unchanged');
    expect(await archived(mirror)).toEqual([3, 2]);
    await publish(mirror, 5, { ...quick, flags: { archive: '1' } });
    expect(await archived(mirror)).toEqual([4]);
    await publish(mirror, 6, { ...quick, flags: { archive: '0' } });
    expect(await archived(mirror)).toEqual([]);
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('is where the proof starts clients', async () => {
    await using mirror = await startMirror(1);
    const { seen, change } = watching();
    for (const version of [1, 2, 3, 4, 5]) await publish(mirror, version, change);
    expect(seen).toEqual([[], [], [1], [2, 1], [3, 2, 1]]);
    await publish(mirror, 6, { openProver });
  });

  test('loses a file that is spoilt, and the cycle goes on', async () => {
    await using mirror = await startMirror(1);
    for (const version of [1, 2, 3, 4]) await publish(mirror, version);
    await rm(join(mirror.store, archiveName('test', 1)));
    const path = join(mirror.store, archiveName('test', 2));
    const bytes = await readFile(path);
    await writeFile(path, bytes.fill(0, bytes.length - 20));
    expect(await faults(mirror.store)).not.toEqual([]);
    const { seen, change } = watching();
    const warnings: string[] = [];
    const log = { info() {}, warn: (line: string) => warnings.push(line), progress() {} };
    await publish(mirror, 5, { ...change, log });
    expect(seen).toEqual([[3]]);
    expect(warnings).toHaveLength(3); // that one is damaged, and that neither is kept any more
    expect(await archived(mirror)).toEqual([4, 3]);
  });

  test('loses nothing that its owner has put there, whatever the manifest retires or names', async () => {
    await using mirror = await startMirror(5);
    await publish(mirror, 5);
    const own = ['test-2.cvd', 'test-3.cvd'];
    await mkdir(join(mirror.store, 'archive'), { recursive: true });
    for (const name of own) await copyFile(official(name), join(mirror.store, 'archive', name));
    const path = join(mirror.store, 'manifest.json');
    const { files, ...manifest } = parseManifest(await readFile(path, 'utf8'), mirror.store);
    const { size } = await stat(official('test-3.cvd'));
    const poisoned = { ...files, 'archive/test-3.cvd': { size, sha256: '0'.repeat(64) } };
    await writeFile(path, textOf({ ...manifest, files: poisoned, retired: ['archive/test-2.cvd'] }));
    offer(mirror, 6);
    const report = await mirror.sync({ ...quick, flags: { archive: '0' } });
    expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 6 });
    for (let run = 0; run < 2; run++) await mirror.sync({ ...quick, flags: { archive: '0' } });
    expect(await namesIn(join(mirror.store, 'archive'))).toEqual(own);
  });

  test('does not change with a version that was refused', async () => {
    await using mirror = await startMirror(1);
    for (const version of [1, 2]) await publish(mirror, version);
    offer(mirror, 3);
    const refusing: Prove = async (candidate) => ({ ...(await trusting(candidate)), passed: false });
    const report = await mirror.sync({ openProver: async () => refusing });
    expect(ofTest(report)).toMatchObject({ outcome: 'refused', to: 2 });
    expect(await archived(mirror)).toEqual([1]);
    expect(await faults(mirror.store)).toEqual([]);
  });
});
