import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DATABASES, runFreshclam } from '../consumer/freshclam.ts';
import { type Held, heldIn } from '../consumer/holding.ts';
import { explain } from '../errors.ts';
import { type Finding, Findings } from '../probe/finding.ts';
import { type Engine, run } from '../proof/engine.ts';
import { knowsEicar, SCAN_LIMITS, writeSamples } from '../proof/samples.ts';
import { requireVerdicts } from '../proof/scenarios/scan.ts';
import { ScenarioFailure } from '../proof/scenarios/scenario.ts';
import { recorded, Transcript } from '../proof/transcript.ts';
import type { WatchSettings } from '../settings/watch.ts';

/** Milliseconds for one run of a tool: everything is downloaded, and loaded. */
const TIMEOUT = 30 * 60_000;

/**
 * What a real client has of the mirror: its freshclam takes everything into an empty folder, and its clamscan, with that,
 * calls EICAR by its name, also inside archives, and harmless files clean. Throws `engine/broken`.
 */
export async function checkWithEngine(
  engine: Engine,
  served: ReadonlyMap<string, number>,
  { url, proxies }: WatchSettings,
): Promise<Finding[]> {
  const folder = await mkdtemp(join(tmpdir(), 'clamav-mirror-watch-'));
  const client = new Findings('mirror', `freshclam, ${engine.name}`);
  try {
    const databases = [...served.keys()];
    const task = { url, databases, record: undefined, proxies, timeout: TIMEOUT };
    const { said } = await runFreshclam(engine, folder, task);
    const held = await heldIn(join(folder, DATABASES), databases);
    const lacking = databases.find(
      (name) => (held.get(name)?.header.version ?? -1) < (served.get(name) ?? 0),
    );
    if (lacking !== undefined) {
      const version = held.get(lacking)?.header.version;
      const what = version === undefined ? `gets no ${lacking}` : `gets version ${version} of ${lacking}`;
      return client.fault(
        `a new client ${what}, not version ${served.get(lacking)} (${said})`,
        'See the other findings; run freshclam --verbose against the mirror',
      ).list;
    }
    client.good(`a new client gets all of it (ClamAV ${engine.version})`);
    return [...client.list, ...(await scan(engine, folder, held))];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function scan(engine: Engine, folder: string, held: ReadonlyMap<string, Held>): Promise<Finding[]> {
  const findings = new Findings('mirror', `clamscan, ${engine.name}`);
  const counts = new Map([...held].map(([database, { header }]) => [database, header.signatures]));
  const samples = await writeSamples(join(folder, 'samples'), counts, []);
  let inside = '';
  const ended = await run(recorded(engine, new Transcript()), {
    tool: 'clamscan',
    folder,
    args: (at) => {
      inside = `${at}/samples`;
      return [`--database=${at}/${DATABASES}`, ...SCAN_LIMITS, '--recursive', '--no-summary', inside];
    },
    timeout: TIMEOUT,
  });
  try {
    requireVerdicts(ended, inside, samples);
    return findings.good(
      knowsEicar(counts)
        ? 'with what it got, it finds EICAR by name and nothing in harmless files'
        : 'with what it got, it finds nothing in harmless files; EICAR is in none of these databases',
    ).list;
  } catch (error) {
    if (!(error instanceof ScenarioFailure)) throw error;
    return findings.fault(
      explain(error),
      'Roll the database back (clamav-mirror rollback), and find out why the proof let it pass',
    ).list;
  }
}
