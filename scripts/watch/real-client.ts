import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { explain } from '../base/errors.ts';
import { CLIENT_RUN_MS } from '../base/limits/mirror.ts';
import { took } from '../base/words.ts';
import { DATABASES, runFreshclam } from '../client/freshclam.ts';
import { type Holding, holdingsIn } from '../client/holdings.ts';
import { type Engine, readsSigns, run } from '../engine/engine.ts';
import { requireNoLack } from '../engine/shortages.ts';
import { makeTemporaryFolder } from '../files/private-folder.ts';
import { type Finding, Findings } from '../probe/finding.ts';
import { mustKnowEicar, SCAN_LIMITS, writeSamples } from '../proof/samples/samples.ts';
import { requireVerdicts } from '../proof/scenarios/scan.ts';
import { ScenarioFailure } from '../proof/scenarios/scenario.ts';
import type { WatchSettings } from './settings.ts';

/** Attempts of freshclam in its packaged configuration. */
const AS_PACKAGED = 3;

export interface Served {
  /** Served versions, by database. */
  readonly versions: ReadonlyMap<string, number>;
  /** Databases whose `.cvd.sign` is served. Clients with FIPS limits get no others. */
  readonly signed: readonly string[];
}

/**
 * Plays real clients of the mirror: the freshclam of an engine takes everything into an empty folder, and its clamscan then
 * finds EICAR, also inside archives, and nothing in harmless files. From ClamAV 1.5 on, a client with FIPS limits does the
 * same with the databases that have a `.sign`. Throws `engine/broken`.
 */
export async function checkWithEngine(
  engine: Engine,
  { versions, signed }: Served,
  settings: WatchSettings,
  left: () => number,
): Promise<Finding[]> {
  const findings = await play(engine, versions, { settings, fips: false, left });
  const having = new Map([...versions].filter(([database]) => signed.includes(database)));
  if (readsSigns(engine) && having.size > 0)
    findings.push(...(await play(engine, having, { settings, fips: true, left })));
  return findings;
}

interface Client {
  readonly settings: WatchSettings;
  readonly fips: boolean;
  /** Milliseconds until the mirror is given up. */
  readonly left: () => number;
}

async function play(
  engine: Engine,
  served: ReadonlyMap<string, number>,
  { settings: { url, proxies, timeout: all }, fips, left }: Client,
): Promise<Finding[]> {
  const folder = await makeTemporaryFolder('clamav-mirror-watch-');
  const name = `${engine.name}${fips ? ', FIPS' : ''}`;
  const client = new Findings('mirror', `freshclam, ${name}`);
  try {
    if (left() <= 0) {
      return client.fault(
        `gave up after ${took(all / 1000)}, before this client was tried`,
        'Find out why the mirror answers slowly, or give it more time with --timeout',
      ).list;
    }
    const databases = [...served.keys()];
    const attempts = fips ? AS_PACKAGED : 1;
    const task = { url, databases, record: undefined, proxies, attempts, fips, timeout: timeoutOf(left) };
    const { said } = await runFreshclam(engine, folder, task);
    const holdings = await holdingsIn(join(folder, DATABASES), databases);
    const lacking = databases.find(
      (database) => (holdings.get(database)?.header.version ?? -1) < (served.get(database) ?? 0),
    );
    if (lacking !== undefined) {
      const version = holdings.get(lacking)?.header.version;
      const what = version === undefined ? `gets no ${lacking}` : `gets version ${version} of ${lacking}`;
      return client.fault(
        `a new client ${what}, not version ${served.get(lacking)} (${said})`,
        'See the other findings; run freshclam --verbose against the mirror',
      ).list;
    }
    client.good(`a new client gets all of it (ClamAV ${engine.version})`);
    return [...client.list, ...(await scan(engine, { folder, holdings, fips, name, left }))];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
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
