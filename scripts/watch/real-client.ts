import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { explain } from '../base/errors.ts';
import { CLIENT_RUN_MS } from '../base/limits/mirror.ts';
import { took } from '../base/words.ts';
import { DATABASES, runFreshclam } from '../client/freshclam.ts';
import { type Holding, holdingsIn } from '../client/holdings.ts';
import { remove } from '../client/install.ts';
import { type Engine, readsSigns, run } from '../engine/engine.ts';
import { requireNoLack } from '../engine/shortages.ts';
import { makeTemporaryFolder } from '../files/private-folder.ts';
import { type Finding, Findings } from '../probe/finding.ts';
import { mustKnowEicar, SCAN_LIMITS, writeSamples } from '../proof/samples/samples.ts';
import { requireVerdicts } from '../proof/scenarios/scan.ts';
import { ScenarioFailure } from '../proof/scenarios/scenario.ts';
import type { KeptClients, Turn } from './kept-clients.ts';
import type { WatchSettings } from './settings.ts';

/** Attempts of freshclam in its packaged configuration. */
const AS_PACKAGED = 3;

export interface Served {
  /** Served versions, by database. */
  readonly versions: ReadonlyMap<string, number>;
  /** Databases whose `.cvd.sign` is served. Clients with FIPS limits get no others. */
  readonly signed: readonly string[];
}

/** What a client has to do with others: its settings, and where it keeps its databases from run to run, if it does. */
export interface Playing {
  readonly settings: WatchSettings;
  /** Milliseconds until the mirror is given up. */
  readonly left: () => number;
  readonly kept?: KeptClients | undefined;
}

/**
 * Plays real clients of the mirror, each with what it kept, else with nothing: the freshclam of an engine updates a folder, and
 * its clamscan then finds EICAR, also inside archives, and nothing in harmless files. From ClamAV 1.5 on, a client with FIPS
 * limits does the same with the databases that have a `.sign`. Throws `engine/broken`.
 */
export async function checkWithEngines(
  engines: readonly Engine[],
  { versions, signed }: Served,
  playing: Playing,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const having = new Map([...versions].filter(([database]) => signed.includes(database)));
  const clients = engines.flatMap((engine) => [
    { engine, fips: false },
    ...(readsSigns(engine) ? [{ engine, fips: true }] : []),
  ]);
  for (const [at, { engine, fips }] of clients.entries()) {
    const served = fips ? having : versions;
    // the name of an engine may be that of a container, which is another one in each run
    const client = { ...playing, fips, key: `${at} ${engine.version}`, turn: { at, of: clients.length } };
    if (served.size > 0) findings.push(...(await play(engine, served, client)));
    else playing.kept?.leave(client.key);
  }
  return findings;
}

interface Client extends Playing {
  readonly fips: boolean;
  /** Name under which it is kept. */
  readonly key: string;
  readonly turn: Turn;
}

async function play(
  engine: Engine,
  served: ReadonlyMap<string, number>,
  { settings, fips, left, kept, key, turn }: Client,
): Promise<Finding[]> {
  const folder = await makeTemporaryFolder('clamav-mirror-watch-');
  const name = `${engine.name}${fips ? ', FIPS' : ''}`;
  const client = new Findings('mirror', `freshclam, ${name}`);
  try {
    if (left() <= 0) {
      kept?.leave(key);
      return client.fault(
        `gave up after ${took(settings.timeout / 1000)}, before this client was tried`,
        'Find out why the mirror answers slowly, or give it more time with --timeout',
      ).list;
    }
    const db = join(folder, DATABASES);
    await mkdir(db);
    const before = (await kept?.plant(key, turn, db)) ?? new Map<string, Holding>();
    const wants = { engine, folder, served, settings, fips, left };
    let updated = await update(wants);
    const behind = updated.lacking.filter((database) => before.has(database));
    if (behind.length > 0) {
      // freshclam that is one version behind and gets no CDIFF reports success and stays behind (clamav-formats.md §6)
      client.warning(
        `a client that had ${versionsOf(before, behind)} ${wordsOf(updated, served)}: it is tried with nothing`,
        'See the other findings: clients that get no CDIFF stay behind, or download the whole database',
      );
      for (const database of behind) await remove(db, database);
      updated = await update(wants);
    }
    const { holdings, lacking } = updated;
    if (lacking.length > 0) {
      kept?.forget(key);
      return client.fault(
        `${before.size === 0 ? 'a new client' : 'a client'} ${wordsOf(updated, served)}`,
        'See the other findings; run freshclam --verbose against the mirror',
      ).list;
    }
    const who = before.size === 0 ? 'a new client' : `a client that had ${versionsOf(before, before.keys())}`;
    client.good(`${who} gets all of it (ClamAV ${engine.version})`);
    const scanned = await scan(engine, { folder, holdings, fips, name, left });
    if (scanned.every(({ verdict }) => verdict === 'good')) await kept?.keep(key, db, holdings);
    else kept?.forget(key);
    return [...client.list, ...scanned];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Updated {
  readonly holdings: ReadonlyMap<string, Holding>;
  /** Databases that it lacks, or has in an older version. */
  readonly lacking: readonly string[];
  readonly said: string;
}

async function update({
  engine,
  folder,
  served,
  settings: { url, proxies },
  fips,
  left,
}: Pick<Client, 'settings' | 'fips' | 'left'> & {
  readonly engine: Engine;
  readonly folder: string;
  readonly served: ReadonlyMap<string, number>;
}): Promise<Updated> {
  const databases = [...served.keys()];
  const attempts = fips ? AS_PACKAGED : 1;
  const task = { url, databases, record: undefined, proxies, attempts, fips, timeout: timeoutOf(left) };
  const { said } = await runFreshclam(engine, folder, task);
  const holdings = await holdingsIn(join(folder, DATABASES), databases);
  const lacking = databases.filter(
    (database) => (holdings.get(database)?.header.version ?? -1) < (served.get(database) ?? 0),
  );
  return { holdings, lacking, said };
}

function wordsOf(
  { holdings, lacking: [lacking = ''], said }: Updated,
  served: ReadonlyMap<string, number>,
): string {
  const version = holdings.get(lacking)?.header.version;
  const what = version === undefined ? `gets no ${lacking}` : `gets version ${version} of ${lacking}`;
  return `${what}, not version ${served.get(lacking)} (${said})`;
}

function versionsOf(holdings: ReadonlyMap<string, Holding>, databases: Iterable<string>): string {
  return [...databases].map((database) => `${database} ${holdings.get(database)?.header.version}`).join(', ');
}

interface Scanning extends Pick<Client, 'left'> {
  readonly folder: string;
  readonly holdings: ReadonlyMap<string, Holding>;
  readonly fips: boolean;
  readonly name: string;
}

async function scan(engine: Engine, { folder, holdings, fips, name, left }: Scanning): Promise<Finding[]> {
  const findings = new Findings('mirror', `clamscan, ${name}`);
  const counts = new Map([...holdings].map(([database, { header }]) => [database, header.signatures]));
  // EICAR counts only if one of these databases must know it
  const known = mustKnowEicar(counts) ? counts : new Map<string, number>();
  const samples = await writeSamples(join(folder, 'samples'), known, [], 'any'); // the proof has checked its name
  let inside = '';
  const ended = await run(engine, {
    tool: 'clamscan',
    folder,
    args: (at) => {
      inside = `${at}/samples`;
      return [
        `--database=${at}/${DATABASES}`,
        ...(fips ? ['--fips-limits'] : []),
        ...SCAN_LIMITS,
        '--recursive',
        '--no-summary',
        inside,
      ];
    },
    timeout: timeoutOf(left),
  });
  try {
    requireVerdicts(ended, inside, samples);
    return findings.good(
      mustKnowEicar(counts)
        ? 'it finds EICAR, and nothing in harmless files'
        : 'it finds nothing in harmless files; EICAR was not tried, for none of these databases must know it',
    ).list;
  } catch (error) {
    if (!(error instanceof ScenarioFailure)) throw error;
    requireNoLack(engine, ended);
    return findings.fault(
      explain(error),
      'Roll the database back (clamav-mirror rollback). Then find out why the proof let it pass',
    ).list;
  }
}

function timeoutOf(left: () => number): number {
  return Math.max(1, Math.ceil(Math.min(CLIENT_RUN_MS, left())));
}
