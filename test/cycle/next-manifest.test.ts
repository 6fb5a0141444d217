import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Update } from '../../scripts/cycle/database.ts';
import { checkedManifest, nextManifest } from '../../scripts/cycle/next-manifest.ts';
import { Stage } from '../../scripts/files/stage.ts';
import type { ArchiveCopy } from '../../scripts/mirror/archive.ts';
import type { DatabaseRecord, Manifest } from '../../scripts/mirror/manifest.ts';
import type { Published } from '../../scripts/mirror/published.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { databaseRecord, described, manifestOf, temporaryFolder } from '../store/support.ts';

const NOW = new Date('2026-06-02T12:00:00Z');
const MAIN = ['archive/main-61.cvd', 'archive/main-60.cvd', 'main.cvd'];
const DAILY = [
  'archive/daily-8.cvd',
  'archive/daily-7.cvd',
  'archive/daily-6.cvd',
  'daily-9.cdiff',
  'daily.cvd',
];

/** A mirror of main 62 and daily 9, of whose files these are not in the store and these others are. */
function published(change: { missing?: string[]; more?: string[]; retired?: string[] } = {}) {
  const names = [...MAIN, ...DAILY];
  const files = Object.fromEntries(names.map((name) => [name, described(name)]));
  const databases = { main: databaseRecord(62), daily: databaseRecord(9) };
  const manifest = manifestOf(databases, files, { retired: change.retired ?? [] });
  const listing = new Map([...names, ...(change.more ?? [])].map((name) => [name, name.length]));
  for (const name of change.missing ?? []) listing.delete(name);
  return {
    manifest,
    tag: 'tag',
    databases: new Map(Object.entries(databases)),
    damaged: [],
    lostSigns: [],
    listing,
  };
}

const settingsOf = (keep: number) => syncSettings({ flags: { archive: String(keep) }, environment: {} });

/** After a cycle in which daily moved to 10. */
async function next(
  from: Published,
  { keep = 3, copies = [COPY] as readonly ArchiveCopy[] } = {},
): Promise<Manifest> {
  const record: DatabaseRecord = databaseRecord(10);
  const updates: Update[] = [{ database: 'daily', record, how: 'rebuilt', isNew: true }];
  const stage = await Stage.create(join(temporaryFolder(), 'run'));
  const { proof } = from.manifest ?? manifestOf({}, {});
  const cycle = { settings: settingsOf(keep), now: NOW, published: from, surveys: [], updates, stage, proof };
  return nextManifest({ ...cycle, copies, unusable: [] });
}

const COPY: ArchiveCopy = {
  ...{ name: 'archive/daily-9.cvd', path: '/nowhere', database: 'daily', version: 9 },
  ...{ built: '2026-01-01T06:00:00.000Z', ...described('daily 9') },
};

const archived = ({ files }: Manifest) => Object.keys(files).filter((name) => name.startsWith('archive/'));

test('a version that was replaced joins the archive, and the oldest leaves it', async () => {
  const manifest = await next(published());
  expect(archived(manifest)).toEqual([
    ...['archive/daily-7.cvd', 'archive/daily-8.cvd', 'archive/daily-9.cvd'],
    ...['archive/main-60.cvd', 'archive/main-61.cvd'],
  ]);
  expect(manifest.files['archive/daily-9.cvd']).toEqual(described('daily 9'));
  expect(manifest.retired).toEqual(['archive/daily-6.cvd', 'daily-9.cdiff', 'daily.cvd']);
});

test('versions are counted as numbers', async () => {
  const from = published({ more: ['archive/daily-10.cvd'] });
  from.manifest.files['archive/daily-10.cvd'] = described('archive/daily-10.cvd');
  from.manifest.databases.daily = databaseRecord(11);
  const manifest = checkedManifest(from.manifest, {
    settings: settingsOf(2),
    now: NOW,
    published: from,
    updates: [],
  });
  expect(archived(manifest)).toContain('archive/daily-10.cvd');
  expect(archived(manifest)).not.toContain('archive/daily-7.cvd');
});

test('keeping fewer concerns databases too that took no part', async () => {
  const manifest = await next(published(), { keep: 1 });
  expect(archived(manifest)).toEqual(['archive/daily-9.cvd', 'archive/main-61.cvd']);
  expect(manifest.retired).toContain('archive/main-60.cvd');
});

test('what the store does not have is not kept, and not retired', async () => {
  const manifest = await next(published({ missing: ['archive/daily-8.cvd', 'archive/main-61.cvd'] }));
  expect(archived(manifest)).toEqual([
    ...['archive/daily-6.cvd', 'archive/daily-7.cvd', 'archive/daily-9.cvd', 'archive/main-60.cvd'],
  ]);
  expect(manifest.retired).toEqual(['daily-9.cdiff', 'daily.cvd']);
});

test('what was retired stays so until it is gone from the store', async () => {
  const change = { retired: ['daily-3.cdiff', 'daily-4.cdiff'], more: ['daily-4.cdiff'] };
  expect((await next(published(change))).retired).toContain('daily-4.cdiff');
  expect((await next(published(change))).retired).not.toContain('daily-3.cdiff');
});

test('what a killed run left in the archive is retired, if it does not come into the manifest', async () => {
  const from = published({ more: ['archive/daily-9.cvd', 'archive/main-62.cvd', 'archive/main-63.cvd'] });
  const { retired } = await next(from, { copies: [] });
  expect(retired).toContain('archive/daily-9.cvd');
  expect(retired).toContain('archive/main-62.cvd');
  expect(retired).not.toContain('archive/main-63.cvd'); // nobody knows it
  expect((await next(from)).retired).not.toContain('archive/daily-9.cvd');
});

test('what is retired of the archive has its size and hash, until it is gone, and what nobody knows has none', async () => {
  const names = ['archive/daily-9.cvd', 'archive/daily-1.cvd', 'archive/daily-2.cvd'];
  const from = published({ more: names, retired: names });
  from.manifest.retiredFiles = { 'archive/daily-2.cvd': described('two') };
  const { retired, retiredFiles } = await next(from, { copies: [] });
  expect(retired).toEqual(expect.arrayContaining(names));
  expect(retiredFiles).toEqual({
    'archive/daily-2.cvd': described('two'),
    'archive/daily-9.cvd': described(''), // as it was served
  });
});

test('a check without news changes nothing but what is known of upstream', () => {
  const from = published();
  const at = NOW.toISOString();
  const updates: Update[] = Object.entries(from.manifest.databases).map(([database, record]) => {
    const seen = { at, version: record.version };
    return { database, record: { ...record, seen }, how: 'unchanged', isNew: false };
  });
  const manifest = checkedManifest(from.manifest, {
    settings: syncSettings({ flags: { databases: 'main,daily' }, environment: {} }),
    now: NOW,
    published: from,
    updates,
  });
  const databases = Object.fromEntries(
    updates.map(({ database, record }) => [database, { ...record, checked: at }]),
  );
  const files = Object.fromEntries(
    Object.entries(from.manifest.files).sort(([a], [b]) => a.localeCompare(b)),
  );
  expect(manifest).toEqual({ ...from.manifest, databases, checked: at });
  expect(Object.keys(manifest.files)).toEqual(Object.keys(files));
});
