import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { HEADER_SIZE, parseHeader } from '../../scripts/cvd/header.ts';
import { SILENT } from '../../scripts/log.ts';
import { rollBack } from '../../scripts/rollback.ts';
import { syncSettings } from '../../scripts/settings.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { encodeManifest, type Manifest, parseManifest } from '../../scripts/store/manifest.ts';
import { checkTree } from '../../scripts/tree/check-tree.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import {
  describeMirror,
  faults,
  offer,
  ofTest,
  startMirror,
  startPublished,
  type TestMirror,
  versionOf,
} from '../support/cycle.ts';
import { describeWithDnsmasq, startNameserver } from '../support/dns.ts';
import { trusting } from '../support/engines.ts';
import { official } from '../support/official.ts';

const quick = { findProver: async () => trusting };
const HOUR = 3_600_000;
/** The largest number that a manifest is believed to hold; a larger one is refused with all of it, aloud. */
const LARGEST = 2 ** 31 - 1;

async function manifestOf(mirror: TestMirror): Promise<Manifest> {
  return parseManifest(await readFile(join(mirror.store, 'manifest.json'), 'utf8'), mirror.store);
}

/** Changes what the manifest says of database `test`. */
async function edit(mirror: TestMirror, change: Partial<Manifest['databases'][string]>): Promise<void> {
  const manifest = await manifestOf(mirror);
  const record = manifest.databases.test;
  if (record === undefined) throw new Error('test is not published');
  const databases = { ...manifest.databases, test: { ...record, ...change } };
  await writeFile(join(mirror.store, 'manifest.json'), encodeManifest({ ...manifest, databases }));
}

describeWithDnsmasq('a nameserver', () => {
  describeMirror('that is stale, or somebody else', () => {
    const BUILT = new Date('2026-06-01T00:00:00Z');
    const at = (hours: number) => () => new Date(BUILT.getTime() + hours * HOUR);

    /** A mirror of bytecode, told by DNS that its version is so much more than the published one. */
    async function startTold(more: number) {
      const mirror = await startMirror(6);
      const bytes = await readFile(official('bytecode.cvd'));
      mirror.upstream.set('bytecode.cvd', bytes);
      const version = parseHeader(bytes.subarray(0, HEADER_SIZE)).version + more;
      const record = (hours: number) =>
        `0.103.12:62:27000:${Math.floor(at(hours)().getTime() / 1000)}:1:90:49192:${version}`;
      const sync = async (hours: number) => {
        await using dns = await startNameserver({ 'current.example': [record(hours)] });
        const flags = { databases: 'bytecode', dns: 'current.example', nameservers: dns.address };
        mirror.upstream.forget();
        return await mirror.sync({ ...quick, now: at(hours), flags });
      };
      expect((await sync(0)).outcome).toBe('published');
      return { mirror, sync };
    }

    test('and names an older version keeps upstream from being asked in no cycle', async () => {
      const { mirror, sync } = await startTold(-1);
      await using _ = mirror;
      expect(await sync(1)).toMatchObject({ outcome: 'unchanged' });
      expect(mirror.upstream.asked).toContain('bytecode.cvd');
      expect((await manifestOf(mirror)).checked).toBe(at(1)().toISOString());
      mirror.upstream.fail('*', { status: 404 });
      expect(await sync(2)).toMatchObject({ outcome: 'failed' });
      expect((await manifestOf(mirror)).checked).toBe(at(1)().toISOString());
    });

    test('and names the published version stands for upstream for six hours, and moves no check', async () => {
      const { mirror, sync } = await startTold(0);
      await using _ = mirror;
      const { checked, databases } = await manifestOf(mirror);
      expect(await sync(5.9)).toMatchObject({ outcome: 'unchanged' });
      expect(mirror.upstream.asked).not.toContain('bytecode.cvd');
      const later = await manifestOf(mirror);
      expect(later.checked).toBe(checked);
      expect(later.databases.bytecode?.seen).toEqual(databases.bytecode?.seen);
      expect(await sync(6)).toMatchObject({ outcome: 'unchanged' });
      expect(mirror.upstream.sent('bytecode.cvd')).toBeLessThanOrEqual(522);
      expect((await manifestOf(mirror)).checked).toBe(at(6)().toISOString());
      mirror.upstream.fail('*', { status: 404 });
      expect(await sync(12)).toMatchObject({ outcome: 'failed' });
    });
  });
});

describeMirror('a number of the manifest that is wrong', () => {
  const wrong: Readonly<Record<string, Partial<Manifest['databases'][string]>>> = {
    'the version, as large as can be': { version: LARGEST },
    'the version, one less': { version: 4 },
    'the build time': { built: '2099-01-01T00:00:00.000Z' },
    'the signatures': { signatures: LARGEST },
    'the f-level': { fLevel: 0 },
    'the size': { size: LARGEST },
    'the hash': { sha256: '0'.repeat(64) },
    'where its CDIFFs end': { cdiffs: { first: 1, last: LARGEST } },
    'what is missing': { missingCdiffs: [LARGEST] },
    'when upstream was seen': { seen: { at: '2099-01-01T00:00:00.000Z', version: LARGEST } },
  };

  test.each(Object.entries(wrong))('is corrected by the next cycle: %s', async (_, change) => {
    await using mirror = await startPublished(5, 5);
    mirror.upstream.set('test-6.cdiff', official('test-6.cdiff'));
    const before = await manifestOf(mirror);
    await edit(mirror, change);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'unchanged', to: 5 });
    const { seen: _seen, sign: _sign, ...record } = before.databases.test ?? {};
    expect((await manifestOf(mirror)).databases.test).toMatchObject(record);
    offer(mirror, 6);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', from: 5, to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('is told', async () => {
    await using mirror = await startPublished(6, 6);
    await edit(mirror, { version: LARGEST });
    expect(ofTest(await mirror.sync(quick)).notes).toEqual([
      expect.stringContaining(`its version is 6, not ${LARGEST}`),
    ]);
    expect(ofTest(await mirror.sync(quick)).notes).toEqual([]);
  });

  test('does not keep the next version away while upstream has one', async () => {
    await using mirror = await startPublished(5, 6);
    await edit(mirror, { version: LARGEST });
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', from: 5, to: 6 });
  });

  test('of a CVD that is damaged too is mended by a resync', async () => {
    await using mirror = await startPublished(6, 6);
    await edit(mirror, { version: LARGEST });
    const path = join(mirror.store, 'test.cvd');
    const bytes = await readFile(path);
    bytes[6000] = (bytes[6000] ?? 0) ^ 1;
    await writeFile(path, bytes);
    expect(ofTest(await mirror.sync(quick)).outcome).toBe('failed');
    const resync = await mirror.sync({ ...quick, flags: { resync: 'true' } });
    expect(ofTest(resync)).toMatchObject({ outcome: 'published', to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
  });
});

describeMirror('an upstream that sends an old header with the published version in it', () => {
  test('does not pass for the same: it is taken whole, and refused', async () => {
    await using mirror = await startPublished(6, 6);
    const old = await readFile(official('test-5.cvd'));
    const header = old.subarray(0, HEADER_SIZE).toString('latin1');
    const changed = header.replace(/^(ClamAV-VDB:[^:]*):5:/, '$1:6:');
    mirror.upstream.set(
      'test.cvd',
      Buffer.concat([Buffer.from(changed, 'latin1'), old.subarray(HEADER_SIZE)]),
    );
    const { checked } = await manifestOf(mirror);
    const report = await mirror.sync(quick);
    expect(ofTest(report)).toMatchObject({ outcome: 'refused', from: 6, to: 6 });
    expect((await manifestOf(mirror)).checked).toBe(checked);
    expect(await faults(mirror.store)).toEqual([]);
  });
});

describeMirror('a pin that somebody planted', () => {
  const since = '2024-01-01T00:00:00.000Z';
  test.each([
    ['without a reason', { since, reason: ' ' }],
    ['that begins in the future', { since: '2099-01-01T00:00:00.000Z', reason: 'hold still' }],
  ])('%s is found by verify, and released by the next cycle', async (_, held) => {
    await using mirror = await startPublished(5, 6);
    await edit(mirror, { held });
    expect((await checkTree(mirror.store, TALOS)).some(({ code }) => code === 'verify/mismatch')).toBe(true);
    const report = ofTest(await mirror.sync(quick));
    expect(report).toMatchObject({ outcome: 'published', from: 5, to: 6 });
    expect(report.notes).toContainEqual(expect.stringContaining('not obeyed'));
    expect((await manifestOf(mirror)).databases.test).not.toHaveProperty('held');
  });

  test('that begins after the last publication is released', async () => {
    await using mirror = await startPublished(5, 6);
    const now = () => new Date(Date.now() + 48 * HOUR);
    await edit(mirror, {
      held: { since: new Date(Date.now() + 24 * HOUR).toISOString(), reason: 'hold still' },
    });
    expect(ofTest(await mirror.sync({ ...quick, now }))).toMatchObject({ outcome: 'published', to: 6 });
  });

  test('that looks like a real one is told in each report, and doubted', async () => {
    await using mirror = await startPublished(5, 6);
    await edit(mirror, { held: { since, reason: 'hold still' } });
    for (let run = 0; run < 2; run++) {
      const report = ofTest(await mirror.sync(quick));
      expect(report).toMatchObject({ outcome: 'unchanged', to: 5 });
      expect(report.notes?.join()).toMatch(/held.*hold still.*nothing shows that a rollback made it/);
    }
  });

  test('does not keep upstream from being asked, nor a dead upstream from being told', async () => {
    await using mirror = await startPublished(5, 6);
    await edit(mirror, { held: { since, reason: 'hold still' }, seen: undefined });
    expect(ofTest(await mirror.sync(quick)).notes?.join()).toMatch(/upstream has 6/);
    mirror.upstream.fail('*', { status: 404 });
    const now = () => new Date(Date.now() + 7 * HOUR);
    expect(ofTest(await mirror.sync({ ...quick, now }))).toMatchObject({ outcome: 'failed', to: 5 });
  });
});

describe('a rollback', () => {
  describeMirror('whose proof takes longer than a cycle', () => {
    const rolling = async (meanwhile: (mirror: TestMirror) => Promise<void>) => {
      const mirror = await startPublished(5, 6);
      expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', to: 6 });
      const settings = syncSettings({
        flags: { store: mirror.store, work: `${mirror.work}-2`, databases: 'test' },
        environment: {},
      });
      const rolledBack = rollBack(
        settings,
        { database: 'test', to: 5, reason: '6 flags our installer' },
        {
          store: new FolderStore(mirror.store),
          findProver: async () => async (candidate) => {
            await meanwhile(mirror);
            return await trusting(candidate);
          },
          trust: TALOS,
          log: SILENT,
          now: () => new Date(),
        },
      );
      return { mirror, rolledBack };
    };

    test('takes over what a cycle without news found out meanwhile', async () => {
      let checked = '';
      const { mirror, rolledBack } = await rolling(async (of) => {
        const now = () => new Date(Date.now() + HOUR);
        expect(ofTest(await of.sync({ ...quick, now }))).toMatchObject({ outcome: 'unchanged' });
        ({ checked } = await manifestOf(of));
      });
      await using _ = mirror;
      expect(await rolledBack).toMatchObject({ from: 6, to: 5 });
      const manifest = await manifestOf(mirror);
      expect(await versionOf(mirror.store)).toBe(5);
      expect(manifest.checked).toBe(checked);
      expect(manifest.databases.test).toMatchObject({ version: 5, seen: { at: checked, version: 6 } });
      expect(await faults(mirror.store)).toEqual([]);
    });

    test('gives way to one that has published files', async () => {
      const { mirror, rolledBack } = await rolling(async (of) => {
        of.upstream.set('bytecode.cvd', official('bytecode.cvd'));
        await of.sync({ ...quick, flags: { databases: 'test,bytecode' } });
      });
      await using _ = mirror;
      await expect(rolledBack).rejects.toMatchObject({ code: 'store/conflict' });
      expect(await versionOf(mirror.store)).toBe(6);
    });
  });
});
