import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { explain } from '../../scripts/base/errors.ts';
import { SILENT } from '../../scripts/base/log.ts';
import { runCycle } from '../../scripts/cycle/cycle.ts';
import type { Engine } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { openEngines } from '../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { startHost } from '../../scripts/host/host.ts';
import { proveWith } from '../../scripts/proof/prove.ts';
import type { Proof } from '../../scripts/proof/record.ts';
import type { Candidate } from '../../scripts/proof/scenarios/scenario.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { searchPath } from '../../scripts/settings/environment.ts';
import { DEFAULT_CACHE, ensureOfficial } from '../../scripts/setup/official-files.ts';
import { findProgram } from '../../scripts/setup/programs.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { rekeyPrograms } from '../support/clamav/rekey.ts';
import { type BigVersion, writeBigDatabase } from '../support/databases/big-database.ts';
import { makeTestKeys, testTrust } from '../support/databases/signing.ts';
import { LABEL } from '../support/docker/docker-cli.ts';
import { say, withFolder } from './support.ts';

/** Of today's daily: a CVD of about 11 MB. */
const SHARE = 0.5;
const now = () => new Date();

/** Where a cycle's time goes, and how a proof grows with engines; with real ClamAV that trusts the tests' keys. */
export async function proof(): Promise<void> {
  const [freshclam, clamscan, clamd, sigtool] = await Promise.all(
    ['freshclam', 'clamscan', 'clamd', 'sigtool'].map((name) => findProgram(name, {})),
  );
  if (!freshclam || !clamscan || !clamd || !sigtool)
    return say('left out: ClamAV with clamd is not installed');
  await using clamav = await rekeyPrograms({ freshclam, clamscan, clamd, sigtool }, makeTestKeys().keys);
  const native = await findNativeEngine(clamav.path);
  await withFolder(async (folder) => {
    const versions = await writeBigDatabase(folder, 'daily', { share: SHARE, steps: ['day'] });
    await timeCycle(folder, versions, native);
    await growth('of the same ClamAV', await candidateOf('daily', folder, versions), [
      native,
      native,
      native,
    ]);
  });
  await containers();
}

async function timeCycle(folder: string, [first, second]: BigVersion[], engine: Engine): Promise<void> {
  const [upstream, store] = [join(folder, 'upstream'), join(folder, 'mirror')];
  await mkdir(upstream);
  await using host = await startHost({ folder: upstream });
  const flags = { upstream: host.url, store, databases: 'daily', dns: 'off' };
  const parts = {
    store: new FolderStore(store),
    openProver: async () => proveWith([engine], { now }),
    trust: testTrust(),
    log: SILENT,
    now,
  };
  for (const version of [first, second]) {
    if (version === undefined) throw new Error('no version');
    await copyFile(version.cvd, join(upstream, 'daily.cvd'));
    if (version.cdiff !== undefined) await copyFile(version.cdiff, join(upstream, 'daily-2.cdiff'));
    const report = await runCycle(syncSettings({ flags, environment: {} }), parts);
    const { outcome, how, reason } = report.databases.daily ?? {};
    const times = Object.entries(report.times).map(([name, seconds]) => `${name} ${seconds.toFixed(1)} s`);
    say(`cycle to version ${version.version}: ${outcome}, ${how}; ${times.join(', ')} ${reason ?? ''}`);
    if (version === second) tellScenarios(report.proof);
  }
}

function tellScenarios(record: Proof | null): void {
  for (const { scenario, duration } of record?.results ?? [])
    say(`  ${duration.toFixed(1).padStart(5)} s  ${scenario}`);
}

async function candidateOf(
  database: string,
  folder: string,
  [first, second]: BigVersion[],
): Promise<Candidate> {
  if (first === undefined || second?.cdiff === undefined) throw new Error('no chain');
  const { version } = second;
  const stage = join(folder, 'stage');
  await mkdir(stage);
  await copyFile(second.cvd, join(stage, `${database}.cvd`));
  await copyFile(second.cdiff, join(stage, `${database}-${version}.cdiff`));
  const record = {
    version,
    signatures: second.signatures,
    fLevel: 81,
    cdiffs: { first: version, last: version },
  };
  return {
    folder: stage,
    staged: new Map([[database, record]]),
    published: new Map([[database, { version: first.version, path: first.cvd }]]),
    retained: new Map(),
    workFolder: folder,
  };
}

/** One engine, then two, then all, as a ratio to the first. */
async function growth(what: string, candidate: Candidate, engines: readonly Engine[]): Promise<void> {
  const seconds: number[] = [];
  for (let count = 1; count <= engines.length; count++) {
    const begun = performance.now();
    const { passed, results } = await proveWith(engines.slice(0, count), { now })(candidate);
    if (!passed) throw new Error(results.find(({ result }) => result === 'failed')?.evidence);
    seconds.push((performance.now() - begun) / 1000);
  }
  const [one = 1] = seconds;
  const ratios = seconds.map((time, at) => `${at + 1}: ${time.toFixed(1)} s (${(time / one).toFixed(2)})`);
  say(`a proof by engines ${what}: ${ratios.join(', ')}`);
}

/** What containers cost, with Talos' small database, which takes no time to load. */
async function containers(): Promise<void> {
  const images = ['older', 'oldest'].map((name) => `docker:${LABEL}:${name}`);
  const official = await ensureOfficial(DEFAULT_CACHE, { environment: process.env, log: say });
  await withFolder(async (folder) => {
    const versions = [5, 6].map((version) => ({
      version,
      signatures: 100,
      cvd: join(official, `test-${version}.cvd`),
      cdiff: join(official, `test-${version}.cdiff`),
    }));
    const candidate = await candidateOf('test', folder, versions);
    const specs = ['native', ...images].map(parseEngineSpec);
    const options = { path: searchPath(), work: folder, log: SILENT };
    const engines = await openEngines(specs, options).catch((error) => say(`left out: ${explain(error)}`));
    if (engines !== undefined) await growth('native and in containers, small database', candidate, engines);
  });
}
