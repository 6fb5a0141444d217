import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { SILENT } from '../../../scripts/base/log.ts';
import { HEADER_SIZE, parseHeader } from '../../../scripts/cvd/header.ts';
import { ARCHIVE_FOLDER, CHANGES_FOLDER } from '../../../scripts/cvd/names.ts';
import type { CycleDeps } from '../../../scripts/cycle/context.ts';
import { runCycle } from '../../../scripts/cycle/cycle.ts';
import type { CycleReport, DatabaseReport } from '../../../scripts/cycle/report.ts';
import { readStart } from '../../../scripts/files/verify.ts';
import { checkTree } from '../../../scripts/mirror/check/check-tree.ts';
import { SIGHTINGS } from '../../../scripts/mirror/check/sightings.ts';
import { type Manifest, parseManifest } from '../../../scripts/mirror/manifest.ts';
import { FACE, INDEX_HTML } from '../../../scripts/mirror/pages.ts';
import { freshClient } from '../../../scripts/proof/scenarios/fresh-client.ts';
import { syncSettings } from '../../../scripts/settings/commands/sync.ts';
import { FolderStore, PRIVATE_FOLDER } from '../../../scripts/store/folder.ts';
import { MANIFEST } from '../../../scripts/store/store.ts';
import { TALOS } from '../../../scripts/verify/trust.ts';
import { clientOf, openProver, trusting } from '../clamav/engines.ts';
import { describeWithClamav, describeWithOfficial, official } from '../setup/official.ts';
import { type CliOptions, type CliRun, runCli } from './cli.ts';
import { startUpstream, type TestUpstream } from './upstream.ts';

/** A mirror in a temporary folder with an upstream of its own. */
export interface TestMirror extends AsyncDisposable {
  readonly upstream: TestUpstream;
  /** Around the store and the work folder. */
  readonly folder: string;
  readonly store: string;
  readonly work: string;
  /** One cycle in this process, by default of the database `test` with the real ClamAV. */
  sync(change?: SyncChange): Promise<CycleReport>;
  /** The flags of `clamav-mirror sync` that mean the same. */
  flags(change?: Readonly<Record<string, string>>): string[];
  /** `clamav-mirror sync --json` in a process of its own. */
  syncCli(args?: readonly string[], options?: CliOptions): Promise<CliRun>;
}

/** What is other than usual: flags by name, and the collaborators of the cycle. */
export interface SyncChange extends Partial<CycleDeps> {
  readonly flags?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
}

/** Like `describe`, for tests of a mirror: skipped where ClamAV or Talos' databases are missing. */
export function describeMirror(name: string, body: () => void): void {
  describeWithOfficial(name, () => describeWithClamav('with real ClamAV', body));
}

/** Starts a mirror; `version` of database `test` is what its upstream offers. */
export async function startMirror(version = 6): Promise<TestMirror> {
  const folder = await mkdtemp(join(tmpdir(), 'mirror-'));
  const [store, work] = [join(folder, 'mirror'), join(folder, 'mirror.work')];
  const upstream = await startUpstream(offered(version));
  const settingsOf = (change: Readonly<Record<string, string>> = {}) => {
    return { upstream: upstream.url, dns: 'off', databases: 'test', store, work, ...change };
  };
  const flags = (change?: Readonly<Record<string, string>>) =>
    Object.entries(settingsOf(change)).flatMap(([name, value]) => [`--${name}`, value]);
  return {
    upstream,
    folder,
    store,
    work,
    flags,
    async sync({ flags: change, environment = {}, ...parts }: SyncChange = {}) {
      const settings = syncSettings({ flags: settingsOf(change), environment });
      return await runCycle(settings, {
        store: new FolderStore(settings.store),
        openProver,
        trust: TALOS,
        log: SILENT,
        now: () => new Date(),
        ...parts,
      });
    },
    syncCli: async (args = [], options) => await runCli(['sync', ...flags(), '--json', ...args], options),
    async [Symbol.asyncDispose]() {
      await upstream[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Starts a mirror that has published one version of database `test` and is offered another, without the first CDIFF
 * in between: a download is quicker than a rebuild.
 */
export async function startPublished(from: number, to: number): Promise<TestMirror> {
  const mirror = await startMirror(from);
  expect((await mirror.sync({ openProver: async () => trusting })).outcome).toBe('published');
  offer(mirror, to);
  mirror.upstream.remove(`test-${from + 1}.cdiff`);
  mirror.upstream.forget();
  return mirror;
}

/** What upstream has of database `test` when this is its newest version: names to paths. */
export function offered(version: number): Map<string, string> {
  const cdiffs = CDIFFS.slice(0, version - 1);
  return new Map([
    ...cdiffs.map((name) => [name, official(name)] as const),
    ['test.cvd', official(`test-${version}.cvd`)],
  ]);
}

/** The CDIFFs of database `test` that lead to versions 2 to 6. */
export const CDIFFS = [2, 3, 4, 5, 6].map((version) => `test-${version}.cdiff`);

/** What every publication writes anew. */
export const PAGES = ['dns.txt', 'manifest.json', 'proof.json', 'proof.txt', 'timestamp', ...FACE].sort();

/** Makes upstream offer another version. */
export function offer(mirror: TestMirror, version: number): void {
  for (const [name, path] of offered(version)) mirror.upstream.set(name, path);
}

/** What the report says of database `test`. */
export function ofTest(report: CycleReport): Partial<DatabaseReport> {
  return report.databases.test ?? {};
}

/** SHA-256 of every published file but lists of changes, by name; what is below `PRIVATE_FOLDER` is not published. */
export async function hashes(store: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const archived = (await namesIn(join(store, ARCHIVE_FOLDER))).map((name) => `${ARCHIVE_FOLDER}/${name}`);
  for (const name of [...(await namesIn(store)), ...archived]) {
    if ([PRIVATE_FOLDER, ARCHIVE_FOLDER, CHANGES_FOLDER].includes(name)) continue;
    found.set(name, sha256(await readFile(join(store, name))));
  }
  return found;
}

/** The published files of a tree by hash, without the `PAGES`. */
export async function published(store: string): Promise<Record<string, string>> {
  const files = [...(await hashes(store))].filter(([name]) => !PAGES.includes(name));
  return Object.fromEntries(files);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Names in a folder, sorted; none if there is no folder. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

/**
 * Runs something that must not touch the published tree: every file stays the same file with the same bytes, but those
 * that may tell that it was tried.
 */
export async function untouched<T>(mirror: TestMirror, run: () => Promise<T>): Promise<T> {
  const before = await withoutFace(mirror.store);
  const result = await run();
  expect(await withoutFace(mirror.store)).toEqual(before);
  return result;
}

/** Runs something that may tell how old the databases are, and must not touch one: each stays the same file. */
export async function sameDatabases<T>(mirror: TestMirror, run: () => Promise<T>): Promise<T> {
  const databases = async () =>
    new Map([...(await fingerprint(mirror.store))].filter(([name]) => !PAGES.includes(name)));
  const before = await databases();
  const result = await run();
  expect(await databases()).toEqual(before);
  return result;
}

/**
 * Runs something that fails in the middle of a publication: what was published stays the same file with the same
 * bytes. Files of the new version that no manifest names yet may have come; they are proven.
 */
export async function unharmed<T>(mirror: TestMirror, run: () => Promise<T>): Promise<T> {
  const before = await withoutFace(mirror.store);
  const result = await run();
  const after = await withoutFace(mirror.store);
  expect(new Map([...after].filter(([name]) => before.has(name)))).toEqual(before);
  expect([...after.keys()].filter((name) => !before.has(name) && !CDIFFS.includes(name))).toEqual([]);
  if (after.size > 0) expect(await faults(mirror.store)).toEqual([]);
  return result;
}

/** SHA-256 of every published file but those that tell how the last cycle went. */
export async function served(store: string): Promise<Map<string, string>> {
  return new Map([...(await hashes(store))].filter(([name]) => !FACE.includes(name)));
}

async function withoutFace(store: string): Promise<Map<string, string>> {
  return new Map([...(await fingerprint(store))].filter(([name]) => !FACE.includes(name)));
}

async function fingerprint(store: string): Promise<Map<string, string>> {
  const found = await hashes(store);
  for (const [name, hash] of found) {
    const { ino, mtimeMs } = await stat(join(store, name));
    found.set(name, `${hash} ${ino} ${mtimeMs}`);
  }
  return found;
}

/** What is published, as the store has it. */
export async function manifestOf({ store }: Pick<TestMirror, 'store'>): Promise<Manifest> {
  return parseManifest(await readFile(join(store, 'manifest.json'), 'utf8'), store);
}

/** Nothing but what stays between cycles: lock, state and memory in the work folder, the lock in the store. */
export async function expectNoLeftovers(mirror: TestMirror): Promise<void> {
  const kept = (await namesIn(mirror.work)).filter((name) => name !== SIGHTINGS);
  expect(kept).toEqual(['lock', 'state.json']);
  expect(await namesIn(join(mirror.store, PRIVATE_FOLDER))).toEqual(['lock']);
}

/** What `verify` says of a tree, without the files that it proves: nothing, if all is well. */
export async function faults(store: string): Promise<string[]> {
  const checked = await checkTree(store, TALOS);
  const unproven = checked
    .filter(({ verdict }) => verdict !== 'proven' && verdict !== 'waiting')
    .map(({ path, verdict, reason }) => `${path} is ${verdict}: ${reason}`);
  return [...unproven, ...(await lostIn(store))];
}

/** Files that the status page leads to, and that are not there; the manifest alone comes after the page. */
async function lostIn(store: string): Promise<string[]> {
  const page = await readFile(join(store, INDEX_HTML), 'utf8').catch(() => '');
  const names = [...page.matchAll(/ href="([A-Za-z0-9][^":]*)"/g)].map(([, name = '']) => name);
  const lost = names.filter((name) => name !== MANIFEST && !existsSync(join(store, name)));
  return lost.map((name) => `the status page names ${name}, which is not there`);
}

/** The version in the header of a published `test.cvd`. */
export async function versionOf(store: string): Promise<number> {
  return parseHeader(await readStart(join(store, 'test.cvd'), HEADER_SIZE)).version;
}

/** Lets real freshclam, with its databases in `folder`, update from the published tree; throws if that fails. */
export async function updateClient(store: string, folder: string, version: number): Promise<string> {
  const staged = new Map([['test', { version, signatures: 1, fLevel: 81, cdiffs: null }]]);
  return await freshClient.play(await clientOf(store, folder, staged));
}
