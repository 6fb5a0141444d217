import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SILENT } from '../../../scripts/base/log.ts';
import { HEADER_SIZE, parseHeader } from '../../../scripts/cvd/header.ts';
import { release, rollBack } from '../../../scripts/cycle/rollback.ts';
import { checkTree } from '../../../scripts/mirror/check/check-tree.ts';
import { type Manifest, parseManifest, textOf } from '../../../scripts/mirror/manifest.ts';
import { syncSettings } from '../../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../../scripts/store/folder.ts';
import { TALOS } from '../../../scripts/verify/trust.ts';
import { trusting } from '../../support/clamav/engines.ts';
import {
  describeMirror,
  faults,
  manifestOf,
  offer,
  ofTest,
  startMirror,
  startPublished,
  type TestMirror,
  versionOf,
} from '../../support/mirror/cycle.ts';
import { official } from '../../support/setup/official.ts';
import { describeWithDnsmasq, startNameserver } from '../../support/web/dns.ts';

const quick = { openProver: async () => trusting };
const HOUR = 3_600_000;
/** The largest number that JSON holds exactly; and the largest that a CVD's header can hold, which is plausible. */
const [LARGEST, PLAUSIBLE] = [2 ** 53 - 1, 2 ** 31 - 1];

/** The manifest says of the CVD what it said before, whatever was looked at meanwhile. */
async function expectDescribed(mirror: TestMirror, before: Manifest): Promise<void> {
  const {
    seen: _,
    sign: __,
    checked: ___,
    hashed: ____,
    source: _____,
    ...record
  } = before.databases.test ?? {};
  expect((await manifestOf(mirror)).databases.test).toMatchObject(record);
}

/** Changes what the manifest says of database `test`. */
async function edit(mirror: TestMirror, change: Record<string, unknown>): Promise<void> {
  const record = (await manifestOf(mirror)).databases.test;
  if (record === undefined) throw new Error('test is not published');
  await place(mirror, { ...record, ...change });
}

/** Makes the manifest describe database `test` in these words, and files in those. */
async function place(mirror: TestMirror, test: unknown, files: Record<string, unknown> = {}): Promise<void> {
  const manifest = await manifestOf(mirror);
  const edited = {
    ...manifest,
    databases: { ...manifest.databases, test },
    files: { ...manifest.files, ...files },
  };
  await writeFile(join(mirror.store, 'manifest.json'), textOf(edited as unknown as Manifest));
}

/** Exchanges one byte of the published CVD behind its header, or in it. */
async function damage(mirror: TestMirror, at = 6000): Promise<void> {
  const path = join(mirror.store, 'test.cvd');
  const bytes = await readFile(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  await writeFile(path, bytes);
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

    test('and names the published version stands for upstream for two and a half hours, and moves no check', async () => {
      const { mirror, sync } = await startTold(0);
      await using _ = mirror;
      const { checked, databases } = await manifestOf(mirror);
      expect(await sync(2.4)).toMatchObject({ outcome: 'unchanged' });
      expect(mirror.upstream.asked).not.toContain('bytecode.cvd');
      const later = await manifestOf(mirror);
      expect(later.checked).toBe(checked);
      expect(later.databases.bytecode?.seen).toEqual(databases.bytecode?.seen);
      expect(await sync(2.5)).toMatchObject({ outcome: 'unchanged' });
      expect(mirror.upstream.sent('bytecode.cvd')).toBeLessThanOrEqual(522);
      expect((await manifestOf(mirror)).checked).toBe(at(2.5)().toISOString());
      mirror.upstream.fail('*', { status: 404 });
      expect(await sync(5)).toMatchObject({ outcome: 'failed' });
    });
  });
});

describeMirror('a number of the manifest that is wrong', () => {
  const wrong: Readonly<Record<string, Record<string, unknown>>> = {
    'the version, as large as can be': { version: LARGEST },
    'the version, as large as a header can hold': { version: PLAUSIBLE },
    'the version, one less': { version: 4 },
    'the version, below zero': { version: -5 },
    'the version, as a text': { version: '5' },
    'the version, which is not there': { version: undefined },
    'the build time, which is none': { built: 'yesterday' },
    'the size, below zero': { size: -1 },
    'the hash, which is none': { sha256: null },
    'all that was known': Object.fromEntries(
      ['version', 'built', 'signatures', 'fLevel', 'size', 'sha256', 'cdiffs', 'missingCdiffs'].map(
        (name) => [name, undefined],
      ),
    ),
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
    await expectDescribed(mirror, before);
    offer(mirror, 6);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', from: 5, to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('is told', async () => {
    await using mirror = await startPublished(6, 6);
    await edit(mirror, { version: PLAUSIBLE });
    expect(ofTest(await mirror.sync(quick)).notes).toEqual([
      expect.stringContaining(`its version is 6, not ${PLAUSIBLE}`),
    ]);
    expect(ofTest(await mirror.sync(quick)).notes).toEqual([]);
  });

  test('is told once, in one warning, where it is not even plausible', async () => {
    await using mirror = await startPublished(6, 6);
    await edit(mirror, { version: LARGEST, size: -1, cdiffs: 'all of them' });
    const warnings: string[] = [];
    const log = { ...SILENT, warn: (line: string) => warnings.push(line) };
    expect(ofTest(await mirror.sync({ ...quick, log })).notes).toHaveLength(1);
    expect(ofTest(await mirror.sync({ ...quick, log })).notes).toEqual([]);
    expect(warnings.filter((line) => line.startsWith('test: '))).toHaveLength(1);
  });

  test('leaves a mirror of others as it is: no other command writes over it', async () => {
    await using mirror = await startPublished(6, 6);
    await edit(mirror, { version: LARGEST });
    const store = new FolderStore(mirror.store);
    await expect(release('test', { store, log: SILENT, now: () => new Date() })).rejects.toMatchObject({
      code: 'store/manifest',
    });
    expect((await checkTree(mirror.store, TALOS)).map(({ code }) => code)).toContain('store/manifest');
    const text = await readFile(join(mirror.store, 'manifest.json'), 'utf8');
    expect(() => parseManifest(text, 'elsewhere')).toThrow(
      expect.objectContaining({ code: 'store/manifest' }),
    );
  });

  test.each([
    ['of one file', { 'test-6.cdiff': { size: -1, sha256: 'x' } }],
    ['of the CVD', { 'test.cvd': null }],
    ['of a file that is none of ours', { '../../etc/passwd': { size: 1, sha256: '0'.repeat(64) } }],
  ])('or a hash %s is corrected too', async (_, files) => {
    await using mirror = await startMirror(6);
    await mirror.sync(quick);
    const before = await manifestOf(mirror);
    await place(mirror, before.databases.test, files);
    mirror.upstream.fail('test-6.cdiff', { status: 500 });
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'unchanged', to: 6 });
    const after = await manifestOf(mirror);
    expect(after.files).toEqual(before.files);
    expect(after.databases.test?.cdiffs).toEqual(before.databases.test?.cdiffs);
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('and a CDIFF that is damaged too: it is asked for again', async () => {
    await using mirror = await startMirror(6);
    await mirror.sync(quick);
    const before = await manifestOf(mirror);
    await place(mirror, before.databases.test, { 'test-6.cdiff': 'none' });
    await writeFile(join(mirror.store, 'test-6.cdiff'), 'ClamAV-Diff:');
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', to: 6 });
    expect((await manifestOf(mirror)).files).toEqual(before.files);
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('lets go of no pin', async () => {
    await using mirror = await startPublished(5, 6);
    await edit(mirror, {
      signatures: -1,
      held: { since: '2024-01-01T00:00:00.000Z', reason: '6 flags our installer' },
    });
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'unchanged', to: 5 });
    expect((await manifestOf(mirror)).databases.test).toMatchObject({
      version: 5,
      held: { reason: '6 flags our installer' },
    });
  });

  test('is mended by a resync', async () => {
    await using mirror = await startPublished(6, 6);
    await place(mirror, { version: LARGEST });
    const resync = await mirror.sync({ ...quick, flags: { resync: 'true' } });
    expect(ofTest(resync)).toMatchObject({ outcome: 'published', to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('does not keep the next version away while upstream has one', async () => {
    await using mirror = await startPublished(5, 6);
    await edit(mirror, { version: LARGEST });
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', from: 5, to: 6 });
  });

  test('of a CVD that is damaged too is mended by a resync', async () => {
    await using mirror = await startPublished(6, 6);
    await edit(mirror, { version: PLAUSIBLE });
    await damage(mirror);
    expect(ofTest(await mirror.sync(quick)).outcome).toBe('failed');
    const resync = await mirror.sync({ ...quick, flags: { resync: 'true' } });
    expect(ofTest(resync)).toMatchObject({ outcome: 'published', to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
  });
});

describeMirror('a manifest that says nothing of a database any more', () => {
  const NOTHING = [null, [], 'test', { version: LARGEST }, {}] as const;
  const noHash = { 'test.cvd': { size: -1, sha256: 'x' } };

  test.each(NOTHING)('as it says %j of it has it described by its files', async (entry) => {
    await using mirror = await startPublished(5, 5);
    const before = await manifestOf(mirror);
    await place(mirror, entry);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'unchanged', to: 5 });
    await expectDescribed(mirror, before);
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('nor of the hash of its CVD takes it anew, and proves it anew', async () => {
    await using mirror = await startPublished(6, 6);
    await place(mirror, null, noHash);
    let proofs = 0;
    const openProver = async () => {
      proofs++;
      return trusting;
    };
    expect(ofTest(await mirror.sync({ openProver }))).toMatchObject({ outcome: 'published', to: 6 });
    expect(proofs).toBe(1);
    expect(mirror.upstream.sent('test.cvd')).toBeLessThanOrEqual(522);
    expect(await faults(mirror.store)).toEqual([]);
  });

  test.each([
    ['is whole', undefined],
    ['is damaged', 6000],
  ])('never goes back to an older version than that of a CVD that %s', async (_, at) => {
    await using mirror = await startPublished(6, 5);
    await place(mirror, null, at === undefined ? noHash : {});
    if (at !== undefined) await damage(mirror, at);
    for (let run = 0; run < 2; run++) {
      expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'failed' });
      expect(await versionOf(mirror.store)).toBe(6);
    }
    offer(mirror, 6);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('but its version, where its CVD has no header either, goes back to no older one', async () => {
    await using mirror = await startPublished(6, 5);
    await place(mirror, { version: 6, signatures: -1 });
    await damage(mirror, 20);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'failed' });
    const text = await readFile(join(mirror.store, 'manifest.json'), 'utf8');
    expect(JSON.parse(text).databases.test).toEqual({ version: 6, signatures: -1 });
    offer(mirror, 6);
    expect(ofTest(await mirror.sync(quick))).toMatchObject({ outcome: 'published', to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('keeps no other database back', async () => {
    await using mirror = await startPublished(6, 6);
    await place(mirror, { version: LARGEST }, noHash);
    await damage(mirror, 20);
    mirror.upstream.fail('test.cvd', { status: 500 });
    mirror.upstream.set('bytecode.cvd', official('bytecode.cvd'));
    const report = await mirror.sync({ ...quick, flags: { databases: 'test,bytecode' } });
    expect(report.databases).toMatchObject({
      test: { outcome: 'failed' },
      bytecode: { outcome: 'published' },
    });
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
    expect(report.notes).toContainEqual(expect.stringContaining('ignoring the pin'));
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
      expect(report.notes?.join()).toMatch(/pinned.*hold still.*nothing shows that a rollback made it/);
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
          openProver: async () => async (candidate) => {
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
