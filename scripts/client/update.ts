import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { codeOf, explain } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { lasting, moment } from '../base/words.ts';
import { type Engine, readsSigns } from '../engine/engine.ts';
import { ourName } from '../engine/user-name.ts';
import { confText, placeConf } from '../files/clamav-conf.ts';
import { proxyFor } from '../http/proxies.ts';
import { freshnessOf, oldestCheck } from '../mirror/freshness.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { ProbeError } from '../probe/error.ts';
import { ProbeClient } from '../probe/http-client.ts';
import { type Description, readManifest } from '../probe/read-manifest.ts';
import { USUAL_DATABASES } from '../upstream/official.ts';
import type { Trust } from '../verify/trust.ts';
import { UPDATE, type UpdateContext, update, type Wanted } from './conditional-update.ts';
import { missesEicar } from './detection.ts';
import { ClientError } from './error.ts';
import { type ClientFolder, takeClientFolder } from './folder.ts';
import { DATABASES } from './freshclam.ts';
import { freshclamConf } from './freshclam-conf.ts';
import type { Holding } from './holdings.ts';
import { install, remove } from './install.ts';
import type { ClientSettings } from './settings.ts';
import type { Signed } from './signs.ts';

export interface ClientContext {
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
  /** When the mirror last asked upstream with success, for each of these databases; `null`: it does not say. */
  readonly checked: string | null;
}

/** A minute is not too long for a cache before the mirror that still has the old CVD. */
const PATIENCE = { attempts: 3, wait: 20_000 };
const HOUR_MS = 3_600_000;
/** How far the mirror's clock may be ahead of ours. */
const CLOCK_SKEW_MS = HOUR_MS;

/**
 * Updates a database folder from a mirror with a real freshclam, and writes the `freshclam.conf` that says the same.
 * The folder is ClamAV's to read at any time: files in it are replaced once all of them have come, each at once. What
 * has come is judged by its files, since freshclam's exit code proves nothing (clamav-formats.md §0.5), and by whether
 * the engine finds EICAR with it.
 * Throws `ClientError`, `ProbeError` if the mirror gives no answer, `StoreError` if it says what nobody understands,
 * `ConfError`, `EngineError`.
 */
export async function updateClient(settings: ClientSettings, context: ClientContext): Promise<ClientReport> {
  const { url, into, proxies, record, fips, maxAge } = settings;
  const { log, trust, now, patience = PATIENCE } = context;
  const deadline = performance.now() + settings.timeout;
  await using folder = await takeClientFolder(into, trust, log);
  await using mirror = new ProbeClient({ ...settings, timeout: deadline - performance.now() });
  const manifest = await manifestOf(mirror, settings, context, deadline);
  const databases = settings.databases ?? databasesOf(manifest, mirror.url);
  const proxy = proxyFor(url, proxies);
  const owner = ourName();
  const conf = confText(
    freshclamConf({ url, databases, record, proxy, attempts: 3, owner, fips, folder: into }),
  );
  const engine = await context.openEngine(folder.work);
  if (fips) requireFips(engine);
  const updating = { engine, trust, log, now, patience };
  const holdings = await proven(folder, { databases, manifest }, settings, updating, deadline);
  await install(folder.proven, holdings, join(folder.work, UPDATE, DATABASES), into);
  await placeConf(settings.conf, conf); // whatever was refused before leaves none
  if (maxAge !== undefined && manifest !== undefined)
    requireFresh(manifest, databases, { maxAge, now: now(), log });
  return {
    url: mirror.url,
    folder: into,
    conf: settings.conf,
    versions: Object.fromEntries([...holdings].map(([database, { header }]) => [database, header.version])),
    how: Object.fromEntries(
      [...holdings].map(([database, has]) => [database, howOf(folder.proven.get(database), has)]),
    ),
    checked: manifest === undefined ? null : oldestCheck(manifest, databases),
  };
}

/**
 * Updates, and has the engine find EICAR before anything is vouched for. CVDs that were there before need no look: every
 * byte of them is signed. Nothing signs a CLD as a whole, so one is looked at in every run, for a cache may have brought
 * it; one with which the engine finds nothing is given up for the whole CVD. Throws `client/does-not-detect`.
 */
async function proven(
  folder: ClientFolder,
  wanted: Wanted,
  settings: ClientSettings,
  context: UpdateContext,
  deadline: number,
): Promise<ReadonlyMap<string, Signed>> {
  const { engine, log } = context;
  const work = join(folder.work, UPDATE);
  const misses = async (holdings: ReadonlyMap<string, Signed>) => {
    const timeout = Math.max(1, Math.ceil(deadline - performance.now()));
    return needsLook(folder, holdings)
      ? await missesEicar(engine, work, holdings, { fips: settings.fips, timeout })
      : undefined;
  };
  const holdings = await update(folder, wanted, settings, context, deadline);
  const wrong = await misses(holdings);
  if (wrong === undefined) return holdings;
  const suspects = [...holdings]
    .filter(([, { file }]) => file.endsWith('.cld'))
    .map(([database]) => database);
  if (suspects.length === 0) throw undetected(wrong, engine);
  log.warn(`${wrong}: ${suspects.join(', ')} taken anew, as a whole`);
  for (const database of suspects) await remove(join(work, DATABASES), database);
  const rest = { ...folder, proven: new Map() }; // what else there is lies there already
  const anew = await update(rest, wanted, settings, context, deadline);
  const still = await misses(anew);
  if (still !== undefined) throw undetected(still, engine);
  return anew;
}

function needsLook({ proven }: ClientFolder, holdings: ReadonlyMap<string, Signed>): boolean {
  return [...holdings].some(
    ([database, { file, header }]) =>
      file.endsWith('.cld') || proven.get(database)?.header.version !== header.version,
  );
}

function undetected(what: string, { version }: Engine): ClientError {
  return new ClientError(
    'client/does-not-detect',
    `with the databases of the mirror, ClamAV ${version} does not find EICAR: ${what}`,
    { advice: 'The folder keeps what it had. Find out what the mirror serves: clamav-mirror probe --full' },
  );
}

function requireFips(engine: Engine): void {
  if (readsSigns(engine)) return;
  throw new ClientError(
    'client/fips-unknown',
    `${engine.name} is ClamAV ${engine.version}, and ClamAV before 1.5 does not know FIPSCryptoHashLimits`,
    { advice: 'Leave out --fips, or name a newer ClamAV with --engines' },
  );
}
/** Throws `client/no-databases`: to end with none is no update. */
function databasesOf(manifest: Manifest | undefined, url: string): readonly string[] {
  const names = manifest === undefined ? USUAL_DATABASES : Object.keys(manifest.databases);
  if (names.length > 0) return names;
  throw new ClientError('client/no-databases', `${url} says that it has no database`, {
    advice: 'Nothing was changed. Find out why it is empty, or name what to take with --databases',
  });
}

async function manifestOf(
  mirror: ProbeClient,
  settings: ClientSettings,
  { log, patience = PATIENCE }: ClientContext,
  deadline: number,
): Promise<Manifest | undefined> {
  for (let left = patience.attempts - 1; ; left--) {
    try {
      return requireNeeded(await readManifest(mirror), mirror.url, settings);
    } catch (error) {
      const passes = error instanceof ProbeError || codeOf(error) === 'client/no-manifest';
      if (!passes || left <= 0 || performance.now() + patience.wait > deadline) throw error;
      log.warn(`tried again: ${explain(error)}`);
    }
    await wait(patience.wait);
  }
}

/** The manifest, as far as it is needed: clients of ClamAV alone never ask. Throws `StoreError`, `client/no-manifest`. */
function requireNeeded(
  { manifest, error }: Description,
  url: string,
  { maxAge, databases }: ClientSettings,
): Manifest | undefined {
  if (error !== undefined && (maxAge !== undefined || databases === undefined)) throw error;
  if (manifest !== undefined || maxAge === undefined) return manifest;
  throw new ClientError('client/no-manifest', `${url} does not say when it was last checked`, {
    advice: 'Name a mirror that clamav-mirror made, or give up on its age with --max-age 0',
  });
}

function howOf(before: Holding | undefined, { file, header }: Holding): 'unchanged' | 'cdiffs' | 'whole' {
  if (before?.file === file && before.header.version === header.version) return 'unchanged';
  return file.endsWith('.cld') ? 'cdiffs' : 'whole';
}

/** One database that is old says so by its name: it may be refused while all others are fresh. Throws `client/stale`. */
function requireFresh(
  manifest: Manifest,
  databases: readonly string[],
  { maxAge, now, log }: { maxAge: number; now: Date; log: Log },
): void {
  const ages = databases.map((database) => {
    const [fresh = { checked: manifest.checked, left: undefined }] = freshnessOf(manifest, [database]);
    return { database, ...fresh, age: now.getTime() - Date.parse(fresh.checked) };
  });
  const ahead = ages.find(({ age }) => age < -CLOCK_SKEW_MS);
  if (ahead !== undefined) {
    throw new ClientError(
      'client/stale',
      `the mirror says that it last checked ${ahead.database} at ${moment(ahead.checked)}, which lies ahead`,
      {
        advice: 'Set the clock of the machine that syncs, or of this one',
      },
    );
  }
  const old = ages.filter(({ age }) => age > maxAge);
  for (const { database, left } of old)
    if (left !== undefined) log.warn(`${database}: the mirror keeps it as it was on ${moment(left)}`);
  const stale = old.filter(({ left }) => left === undefined);
  if (stale.length === 0) return;
  const names = stale.map(({ database, age }) => `${database} ${lasting(age)} ago`).join(', ');
  throw new ClientError(
    'client/stale',
    `the mirror last checked ${names}, which is more than ${lasting(maxAge)}; the databases in the folder are the newest that it has`,
    {
      advice:
        stale.length === ages.length
          ? 'Find out why sync does not run, or fails; --max-age says how old is too old'
          : 'Find out why the mirror does not get them; --databases names those to take, --max-age says how old is too old',
    },
  );
}
