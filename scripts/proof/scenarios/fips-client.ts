import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseClamSign } from '../../cvd/clamsign.ts';
import { cvdSignName } from '../../cvd/names.ts';
import { type Engine, readsSigns } from '../../engine/engine.ts';
import type { ConfOption } from '../../files/clamav-conf.ts';
import { coversFLevel } from '../../verify/sign.ts';
import { requireStagedBytes, requireStagedVersions, update } from '../clients/freshclam.ts';
import { arrive, lacksLastCdiff, spread } from './earlier-client.ts';
import { scanSamples, withClamd } from './running-clamd.ts';
import { scanWithArrived } from './scan.ts';
import {
  type Candidate,
  type EarlierCvd,
  type Scenario,
  ScenarioFailure,
  ScenarioSkipped,
  type Scene,
} from './scenario.ts';

/** Option of clamd.conf and flag of clamscan with the same meaning (clamav-formats.md §8). */
const FIPS_OPTION: ConfOption = ['FIPSCryptoHashLimits', true];
const FIPS_FLAG = '--fips-limits';

/**
 * Scenarios of clients with FIPS limits, the default on Ubuntu 24.04. Such clients distrust MD5, so they take and load
 * a CVD only with its `.sign`. The scenarios use the databases with a `.sign` that this engine reads; the record names
 * the others.
 */
export async function fipsClients(candidate: Candidate, engine: Engine): Promise<Scenario[]> {
  if (!readsSigns(engine)) return [without(`ClamAV ${engine.version} knows no FIPS limits`)];
  const signed = await signedDatabases(candidate, engine);
  if (signed.size === 0)
    return [without(`none of these databases has a .sign: no such client can take them`)];
  const shutOut = [...candidate.staged.keys()].filter((database) => !signed.has(database));
  const but = shutOut.length === 0 ? '' : `; without a .sign, so of no use to it: ${shutOut.join(', ')}`;
  const theirs = restricted(candidate, signed);
  const onlySigned = ({ play, ...scenario }: Scenario): Scenario => ({
    ...scenario,
    play: async (scene) => `${await play({ ...scene, candidate: theirs })}${but}`,
  });
  return [fresh, scan, ...behind(theirs), privateMirror, daemon].map(onlySigned);
}

const fresh: Scenario = {
  name: 'a client with FIPS limits and an empty folder arrives, each CVD with its .sign',
  client: 'fips',
  async play(scene) {
    const { run: ended } = await update(scene, { fips: true });
    const arrived = await requireStagedVersions(scene, ended);
    await requireSigns(scene);
    return arrived;
  },
};

const scan: Scenario = {
  name: 'clamscan with FIPS limits loads what that client received, and finds EICAR',
  client: 'fips',
  sets: 1,
  play: (scene) => scanWithArrived({ ...scene, samples: [] }, [FIPS_FLAG]),
};

const privateMirror: Scenario = {
  name: 'a PrivateMirror client with FIPS limits gets the CVDs, each with its .sign',
  client: 'fips-private',
  async play(scene) {
    const { run: ended } = await update(scene, { fips: true, privateMirror: true });
    const arrived = await requireStagedVersions(scene, ended);
    await requireStagedBytes(scene);
    await requireSigns(scene);
    return arrived;
  },
};

const daemon: Scenario = {
  name: 'clamd with FIPS limits starts on what that client received, and finds EICAR',
  client: 'fips',
  sets: 1,
  async play(scene) {
    if (!scene.engine.tools.has('clamd')) throw new ScenarioSkipped('this engine has no clamd');
    await requireStagedVersions(scene);
    return await withClamd(scene, [FIPS_OPTION], (_, clamd) => scanSamples(scene, clamd, countsOf(scene)));
  },
};

/**
 * Scenarios of a client with the published versions, and of clients with a spread of the retained ones; each CVD with
 * its `.sign`.
 */
function behind({ published, retained, ...candidate }: Candidate): Scenario[] {
  const scenarios: Scenario[] = [];
  const play = (cvds: ReadonlyMap<string, EarlierCvd>) => (scene: Scene) =>
    arrive(scene, cvds, { fips: true });
  const usable = (database: string, { sign }: EarlierCvd) =>
    sign !== undefined && !lacksLastCdiff({ published, retained, ...candidate }, database);
  const current = new Map([...published].filter(([database, cvd]) => usable(database, cvd)));
  if (current.size > 0) {
    const name = 'a client with FIPS limits and the published versions arrives at the staged versions';
    scenarios.push({ name, client: 'fips-published', play: play(current) });
  }
  for (const [database, cvds] of retained) {
    const signed = cvds.filter((cvd) => usable(database, cvd)).sort((a, b) => a.version - b.version);
    for (const cvd of spread(signed)) {
      const name = `a client with FIPS limits and ${database} ${cvd.version} arrives at the staged versions`;
      const client = `fips-${database}-${cvd.version}`;
      scenarios.push({ name, client, play: play(new Map([[database, cvd]])) });
    }
  }
  return scenarios;
}

function without(reason: string): Scenario {
  return {
    name: 'clients with FIPS limits take the databases',
    client: 'fips',
    play: () => Promise.reject(new ScenarioSkipped(reason)),
  };
}

/** Databases whose CVD has a `.sign` in the stage that engines of this f-level can read. */
async function signedDatabases({ folder, staged }: Candidate, engine: Engine): Promise<ReadonlySet<string>> {
  const signed = new Set<string>();
  for (const [database, { version }] of staged) {
    const path = join(folder, cvdSignName(database, version));
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (!isThere) continue;
    const lines = parseClamSign(await readFile(path));
    const fLevels = lines.map(({ minFLevel, maxFLevel }) => ({ first: minFLevel, last: maxFLevel }));
    if (coversFLevel({ fLevels }, engine.fLevel)) signed.add(database);
  }
  return signed;
}

function restricted(candidate: Candidate, databases: ReadonlySet<string>): Candidate {
  const only = <T>(all: ReadonlyMap<string, T>) => new Map([...all].filter(([name]) => databases.has(name)));
  const { staged, published, retained } = candidate;
  return { ...candidate, staged: only(staged), published: only(published), retained: only(retained) };
}

/** Requires a `.sign` beside each CVD of the client. freshclam reports no missing one. */
async function requireSigns({ candidate, folder }: Scene): Promise<void> {
  const names = await readdir(join(folder, 'db'));
  for (const [database, { version }] of candidate.staged) {
    const name = cvdSignName(database, version);
    if (!names.includes(name)) throw new ScenarioFailure(`the client has no ${name}`);
  }
}

function countsOf({ candidate }: Scene): ReadonlyMap<string, number> {
  return new Map([...candidate.staged].map(([database, { signatures }]) => [database, signatures]));
}
