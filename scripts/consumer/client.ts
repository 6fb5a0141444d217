import { copyFile, link, mkdir, rename, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { cvdName } from '../cvd/names.ts';
import { explain } from '../errors.ts';
import type { Log } from '../log.ts';
import { ProbeClient } from '../probe/client.ts';
import { readManifest } from '../probe/description.ts';
import type { Engine } from '../proof/engine.ts';
import type { ClientSettings } from '../settings/client.ts';
import type { Manifest } from '../store/manifest.ts';
import type { Trust } from '../verify/trust.ts';
import { USUAL_DATABASES, writeConf } from './conf.ts';
import { ClientError } from './error.ts';
import { type ClientFolder, takeClientFolder } from './folder.ts';
import { DATABASES, runFreshclam } from './freshclam.ts';
import { cldName, type Held, heldIn } from './holding.ts';
import { proxyFor } from './proxy.ts';

export interface ClientParts {
  /** Opens the engine; `work` is a folder of this run alone. */
  readonly openEngine: (work: string) => Promise<Engine>;
  readonly trust: Trust;
  readonly log: Log;
  readonly now: () => Date;
  /** How often freshclam is run at most, and milliseconds before each run after the first. */
  readonly patience?: { readonly attempts: number; readonly wait: number };
}

export interface ClientReport {
  /** Of the mirror, without a password. */
  readonly url: string;
  readonly folder: string;
  /** The `freshclam.conf` that was written. */
  readonly conf: string;
  /** Versions by database, as they lie in the folder. */
  readonly versions: Readonly<Record<string, number>>;
  /** How each came: `cdiffs`: what was there was updated; `whole`: all of it was downloaded. */
  readonly how: Readonly<Record<string, 'unchanged' | 'cdiffs' | 'whole'>>;
  /** When the mirror last asked upstream with success; `null`: it does not say. */
  readonly checked: string | null;
}

/** A minute is not too long for a cache before the mirror that still has the old CVD. */
const PATIENCE = { attempts: 3, wait: 20_000 };
const HOUR = 3_600_000;
/** How far the mirror's clock may be ahead of ours. */
const CLOCK_SKEW = HOUR;

/**
 * Updates a database folder from a mirror with a real freshclam, and writes the `freshclam.conf` that says the same.
 * The folder is ClamAV's to read at any time: files in it are replaced once all of them have come, each at once. What
 * has come is judged by its files: freshclam's exit code proves nothing (clamav-formats.md §0.5).
 * Throws `ClientError`, `ProbeError` if the mirror gives no answer, `EngineError`.
 */
export async function updateClient(settings: ClientSettings, parts: ClientParts): Promise<ClientReport> {
  const { url, into, proxies, record, maxAge } = settings;
  const { log, trust, now } = parts;
  await using folder = await takeClientFolder(into, trust, log);
  await using mirror = new ProbeClient(settings);
  const manifest = await manifestOf(mirror, settings, parts);
  const databases = settings.databases ?? databasesOf(manifest);
  await writeConf(settings.conf, {
    url,
    databases,
    record,
    proxy: proxyFor(url, proxies),
    attempts: 3,
    owner: userInfo().username,
    folder: into,
  });
  const held = await updated(folder, { databases, manifest }, settings, parts);
  await install(folder, into, held);
  if (maxAge !== undefined && manifest !== undefined) requireFresh(manifest.checked, maxAge, now());
  return {
    url: mirror.url,
    folder: into,
    conf: settings.conf,
    versions: Object.fromEntries([...held].map(([database, { header }]) => [database, header.version])),
    how: Object.fromEntries(
      [...held].map(([database, has]) => [database, howOf(folder.proven.get(database), has)]),
    ),
    checked: manifest?.checked ?? null,
  };
}

function databasesOf(manifest: Manifest | undefined): readonly string[] {
  return manifest === undefined ? USUAL_DATABASES : Object.keys(manifest.databases);
}

async function manifestOf(
  mirror: ProbeClient,
  { maxAge }: ClientSettings,
  { log, patience = PATIENCE }: ClientParts,
): Promise<Manifest | undefined> {
  for (let left = patience.attempts - 1; ; left--) {
    try {
      const { manifest } = await readManifest(mirror);
      if (manifest !== undefined || maxAge === undefined) return manifest;
      throw new ClientError('client/no-manifest', `${mirror.url} does not say when it was last checked`, {
        advice: 'Name a mirror that clamav-mirror made, or give up on its age with --max-age 0',
      });
    } catch (error) {
      if (left <= 0) throw error;
      log.warn(`tried again: ${explain(error)}`);
    }
    await wait(patience.wait);
  }
}

interface Wanted {
  readonly databases: readonly string[];
  readonly manifest: Manifest | undefined;
}

/** Lets freshclam work on a copy until everything is there that the mirror has. Throws `client/not-updated`. */
async function updated(
  { work, proven }: ClientFolder,
  { databases, manifest }: Wanted,
  { into, url, proxies, record, timeout }: ClientSettings,
  { openEngine, log, patience = PATIENCE }: ClientParts,
): Promise<ReadonlyMap<string, Held>> {
  const deadline = performance.now() + timeout;
  const engine = await openEngine(work);
  const folder = join(work, 'update');
  const db = join(folder, DATABASES);
  await mkdir(db, { recursive: true });
  for (const [database, { file }] of proven)
    if (databases.includes(database)) await linkOrCopy(join(into, file), join(db, file));
  for (let left = patience.attempts - 1; ; left--) {
    const rest = Math.max(1, Math.ceil(deadline - performance.now()));
    const task = { url, databases, record, proxies, timeout: rest };
    const { went, said } = await runFreshclam(engine, folder, task);
    const held = await heldIn(db, databases);
    const lacking = databases.filter((database) => {
      const version = held.get(database)?.header.version;
      return version === undefined || version < (manifest?.databases[database]?.version ?? 0);
    });
    if (lacking.length === 0) return held;
    const what = lacking.map((database) => describe(database, held, manifest)).join(', ');
    if (left <= 0 || performance.now() + patience.wait > deadline) {
      throw new ClientError('client/not-updated', `the client ${what} (${said})`, {
        advice: 'Find out what is wrong with the mirror: clamav-mirror probe says what breaks clients',
      });
    }
    log.warn(`the client ${what} (${said}); tried again`);
    // It says that all is well and stays behind, as it does one version behind if the CDIFF is missing (§6).
    if (went) for (const database of lacking) await remove(db, database);
    await wait(patience.wait);
  }
}

function describe(database: string, held: ReadonlyMap<string, Held>, manifest: Manifest | undefined): string {
  const version = held.get(database)?.header.version;
  if (version === undefined) return `has no ${database}`;
  return `has version ${version} of ${database}, not ${manifest?.databases[database]?.version}`;
}

/** Both files at once do no harm: ClamAV loads the newer. */
async function install(
  { work, proven }: ClientFolder,
  into: string,
  held: ReadonlyMap<string, Held>,
): Promise<void> {
  for (const [database, { file, header }] of held) {
    const before = proven.get(database);
    if (before?.file === file && before.header.version === header.version) continue;
    await rename(join(work, 'update', DATABASES, file), join(into, file));
    if (before !== undefined && before.file !== file) await rm(join(into, before.file), { force: true });
  }
  for (const database of proven.keys()) if (!held.has(database)) await remove(into, database);
}

async function remove(folder: string, database: string): Promise<void> {
  for (const file of [cvdName(database), cldName(database)]) await rm(join(folder, file), { force: true });
}

/** freshclam replaces files as a whole, so that a link will do. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  await link(from, to).catch(() => copyFile(from, to));
}

function howOf(before: Held | undefined, { file, header }: Held): 'unchanged' | 'cdiffs' | 'whole' {
  if (before?.header.version === header.version) return 'unchanged';
  return file.endsWith('.cld') ? 'cdiffs' : 'whole';
}

function requireFresh(checked: string, maxAge: number, now: Date): void {
  const age = now.getTime() - Date.parse(checked);
  if (age < -CLOCK_SKEW) {
    throw new ClientError(
      'client/stale',
      `the mirror says that it was last checked at ${checked}, which lies ahead`,
      {
        advice: 'Set the clock of the machine that syncs, or of this one',
      },
    );
  }
  if (age <= maxAge) return;
  const hours = (ms: number) => Math.floor(ms / HOUR);
  throw new ClientError(
    'client/stale',
    `the mirror was last checked ${hours(age)} hours ago, which is more than ${hours(maxAge)}; the databases in the folder are the newest that it has`,
    { advice: 'Find out why sync does not run, or fails; --max-age says how old is too old' },
  );
}
