import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { codeOf, explain } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { lasting, moment } from '../base/words.ts';
import { freshclamConf } from '../conf/freshclam-conf.ts';
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
import { UPDATE, update } from './conditional-update.ts';
import { ClientError } from './error.ts';
import { installExtras, namedIn, takeExtras } from './extras.ts';
import { takeClientFolder } from './folder.ts';
import { DATABASES } from './freshclam.ts';
import type { Holding } from './holdings.ts';
import { install } from './install.ts';
import { prove } from './prove.ts';
import type { ClientSettings } from './settings.ts';

export interface ClientContext {
  /** Opens the engine. `work` is a folder for this run alone. */
  readonly openEngine: (work: string) => Promise<Engine>;
  readonly trust: Trust;
  readonly log: Log;
  readonly now: () => Date;
  /** Most runs of freshclam, and the pause in milliseconds before each run after the first. */
  readonly patience?: { readonly attempts: number; readonly wait: number };
}

export interface ClientReport {
  /** URL of the mirror, without a password. */
  readonly url: string;
  readonly folder: string;
  /** Path of the `freshclam.conf` that was written. */
  readonly conf: string;
  /** Versions in the folder, by database. */
  readonly versions: Readonly<Record<string, number>>;
  /** Way in which each database came: `cdiffs`: the old one was updated; `whole`: it was downloaded. */
  readonly how: Readonly<Record<string, 'unchanged' | 'cdiffs' | 'whole'>>;
  /** Way in which each of the mirror's extras came; `left out`: it could not be had, or ClamAV does not work with it. */
  readonly extras: Readonly<Record<string, 'unchanged' | 'downloaded' | 'left out'>>;
  /** Time of the mirror's last successful check of all these databases; `null`: it does not say. */
  readonly checked: string | null;
}

/** Patience with a cache in front of the mirror that still has the old CVD: up to a minute. */
const PATIENCE = { attempts: 3, wait: 20_000 };
const HOUR_MS = 3_600_000;
/** Most by which the mirror's clock may be ahead of ours. */
const CLOCK_SKEW_MS = HOUR_MS;

/**
 * Updates a database folder from a mirror with a real freshclam, and writes a `freshclam.conf` that does the same. ClamAV
 * may read the folder at any time: files are replaced one by one, each atomically, once all of them are there. The files
 * decide whether the update worked, for freshclam's exit code proves nothing (clamav-formats.md §0.5). Then the engine must
 * find EICAR with them. The mirror's extras come beside them, as far as ClamAV works with them.
 * Throws `ClientError`, `ProbeError` if the mirror gives no answer, `StoreError` if its manifest cannot be understood,
 * `ConfError`, `EngineError`.
 */
export async function updateClient(settings: ClientSettings, context: ClientContext): Promise<ClientReport> {
  const { url, into, talosOnly, proxies, record, fips, maxAge } = settings;
  const { log, trust, now, patience = PATIENCE } = context;
  const deadline = performance.now() + settings.timeout;
  await using folder = await takeClientFolder(into, trust, log);
  await using mirror = new ProbeClient({ ...settings, timeout: deadline - performance.now() });
  const manifest = await manifestOf(mirror, settings, context, deadline);
  const named = (talosOnly ? undefined : namedIn(manifest)) ?? {};
  const kept = await folder.extras.judge(named);
  const databases = settings.databases ?? databasesOf(manifest, mirror.url);
  const proxy = proxyFor(url, proxies);
  const owner = ourName();
  const confWith = (names: Iterable<string>) => {
    const extras = { mirror: url, names: [...names] };
    const conf = { mirrors: [url], databases, extras, record, proxy, attempts: 3, owner, fips, folder: into };
    return confText(freshclamConf(conf));
  };
  confWith(Object.keys(named)); // what no conf can hold is found before anything is downloaded
  const engine = await context.openEngine(folder.work);
  if (fips) requireFips(engine);
  const updating = { engine, trust, log, now, patience };
  const wanted = { databases, manifest };
  const updated = await update(folder, wanted, settings, updating, deadline);
  const taken = await takeExtras(
    mirror,
    { wanted: named, proven: kept, into, work: folder.work },
    updating,
    deadline,
  );
  const found = { wanted, holdings: updated, taken };
  const { holdings, extras } = await prove(folder, found, settings, updating, deadline);
  await install(folder.proven, holdings, join(folder.work, UPDATE, DATABASES), into);
  await installExtras(extras, folder, into);
  await placeConf(settings.conf, confWith(extras.keys())); // an update that fails before this writes none
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
    extras: Object.fromEntries(
      [...taken.extras.keys(), ...taken.missing].map((name) => {
        const how = taken.fresh.has(name) ? 'downloaded' : 'unchanged';
        return [name, extras.has(name) ? how : 'left out'];
      }),
    ),
    checked: manifest === undefined ? null : oldestCheck(manifest, databases),
  };
}

function requireFips(engine: Engine): void {
  if (readsSigns(engine)) return;
  throw new ClientError(
    'client/fips-unknown',
    `${engine.name} is ClamAV ${engine.version}, which does not know FIPSCryptoHashLimits: that came with 1.5`,
    { advice: 'Leave out --fips, or name a newer ClamAV with --engines' },
  );
}

/** Databases to take by default. Throws `client/no-databases`: an update to nothing is an error. */
function databasesOf(manifest: Manifest | undefined, url: string): readonly string[] {
  const names = manifest === undefined ? USUAL_DATABASES : Object.keys(manifest.databases);
  if (names.length > 0) return names;
  throw new ClientError('client/no-databases', `${url} says that it has no database`, {
    advice: 'Nothing was changed. Find out why the mirror is empty, or name databases with --databases',
  });
}

/** Codes for what a minute does not mend. */
const LASTING: readonly ProbeError['code'][] = ['probe/tls', 'probe/proxy'];

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
      const passes =
        (error instanceof ProbeError && !LASTING.includes(error.code)) ||
        codeOf(error) === 'client/no-manifest';
      if (!passes || left <= 0 || performance.now() + patience.wait > deadline) throw error;
      log.warn(`trying again: ${explain(error)}`);
    }
    await wait(patience.wait);
  }
}

/** Requires a good manifest if the settings need one. Throws `StoreError`, `client/no-manifest`. */
function requireNeeded(
  { manifest, error }: Description,
  url: string,
  { maxAge, databases }: ClientSettings,
): Manifest | undefined {
  if (error !== undefined && (maxAge !== undefined || databases === undefined)) throw error;
  if (manifest !== undefined || maxAge === undefined) return manifest;
  throw new ClientError('client/no-manifest', `${url} does not say when it was last checked`, {
    advice: 'Name a mirror that clamav-mirror made, or accept any age with --max-age 0',
  });
}

function howOf(before: Holding | undefined, { file, header }: Holding): 'unchanged' | 'cdiffs' | 'whole' {
  if (before?.file === file && before.header.version === header.version) return 'unchanged';
  return file.endsWith('.cld') ? 'cdiffs' : 'whole';
}

/** Requires that each database was checked lately. One may be refused while all others are fresh. Throws `client/stale`. */
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
      `the mirror says that it last checked ${ahead.database} at ${moment(ahead.checked)}, which is in the future`,
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
    `the mirror last checked ${names}, which is more than ${lasting(maxAge)}. The folder has the newest databases of the mirror`,
    {
      advice:
        stale.length === ages.length
          ? 'Find out why sync does not run, or why it fails. --max-age sets the limit'
          : 'Find out why the mirror does not get them. --databases names those to take, --max-age sets the limit',
    },
  );
}
