import { copyFile, link, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { availableParallelism, loadavg } from 'node:os';
import { join } from 'node:path';
import { explain } from '../../scripts/base/errors.ts';
import { SILENT } from '../../scripts/base/log.ts';
import { type Engine, run } from '../../scripts/engine/engine.ts';
import { findNativeEngine } from '../../scripts/engine/native.ts';
import { openEngines } from '../../scripts/engine/open.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { proveWith } from '../../scripts/proof/prove.ts';
import type { Candidate } from '../../scripts/proof/scenarios/scenario.ts';
import { searchPath } from '../../scripts/settings/environment.ts';
import { DEFAULT_CACHE, ensureOfficial } from '../../scripts/setup/official-files.ts';
import { findProgram } from '../../scripts/setup/programs.ts';
import { rekeyPrograms } from '../support/clamav/rekey.ts';
import { type BigVersion, writeBigDatabase } from '../support/databases/big-database.ts';
import { makeTestKeys } from '../support/databases/signing.ts';
import { LABEL } from '../support/docker/docker-cli.ts';
import { say, withFolder } from './support.ts';
import { type Taken, watchTools } from './tools-in-memory.ts';

/** Of today's main (85 MB) and daily (22 MB); `CLAMAV_MIRROR_BENCH_SHARE` for a quick look at less. */
const SHARE = Number(process.env.CLAMAV_MIRROR_BENCH_SHARE ?? 1);
const now = () => new Date();

/** What a proof of real size took, beside clamscan alone with the same engine and databases. */
interface ProofFigures extends Taken {
  readonly engines: number;
  readonly cores: number;
  readonly load: number;
  readonly seconds: number;
  /** clamscan, once before and once after. */
  readonly clamscanSeconds: readonly number[];
  /** Of the proof's time and of the mean of clamscan's. */
  readonly ratio: number;
  /** The same of the seconds of all cores, which other programs disturb less. */
  readonly cpuRatio: number;
}

/** The time and the memory of a proof of real size; with real ClamAV that trusts the tests' keys. */
export async function proof(): Promise<readonly ProofFigures[]> {
  const [freshclam, clamscan, clamd, sigtool] = await Promise.all(
    ['freshclam', 'clamscan', 'clamd', 'sigtool'].map((name) => findProgram(name, {})),
  );
  if (!freshclam || !clamscan || !clamd || !sigtool) {
    say('left out: ClamAV with clamd is not installed');
    return [];
  }
  await using clamav = await rekeyPrograms({ freshclam, clamscan, clamd, sigtool }, makeTestKeys().keys);
  const native = await findNativeEngine(clamav.path);
  const figures: ProofFigures[] = [];
  await withFolder(async (folder) => {
    const [main] = await writeBigDatabase(folder, 'main', { share: SHARE, steps: [] });
    const daily = await writeBigDatabase(folder, 'daily', { share: SHARE, steps: ['day'] });
    const candidate = await todays(folder, main, daily);
    for (const engines of [[native], [native, { ...native, name: 'the same again' }]]) {
      figures.push(await measureProof(candidate, engines));
    }
  });
  await containers();
  return figures;
}

async function measureProof(candidate: Candidate, engines: readonly Engine[]): Promise<ProofFigures> {
  const [engine] = engines;
  if (engine === undefined) throw new Error('no engine');
  const [load = 0] = loadavg();
  const before = await clamscanAlone(candidate, engine);
  const watching = watchTools(candidate.workFolder);
  const { passed, results, duration: seconds, memory } = await proveWith(engines, { now })(candidate);
  const taken = watching.stop();
  const after = await clamscanAlone(candidate, engine);
  if (!passed) throw new Error(results.find(({ result }) => result === 'failed')?.evidence);
  for (const { engine: name, scenario, began = 0, duration } of results)
    say(`${began.toFixed(1).padStart(6)} s + ${duration.toFixed(1).padStart(5)} s  ${name}: ${scenario}`);
  const clamscanSeconds = [before.seconds, after.seconds];
  const ratio = (2 * seconds) / (before.seconds + after.seconds);
  const cpuRatio = (2 * taken.cpuSeconds) / (before.cpuSeconds + after.cpuSeconds);
  say(
    `a proof by ${engines.length} on ${availableParallelism()} cores: ${seconds.toFixed(1)} s, ${ratio.toFixed(2)} times clamscan (${clamscanSeconds.map((one) => one.toFixed(1)).join(' s and ')} s); ` +
      `of all cores ${taken.cpuSeconds.toFixed(1)} s, ${cpuRatio.toFixed(2)} times; peak memory of all tools ${taken.peakMegabytes} MB, one set ${memory?.loaded ?? '?'} MB; load before ${load.toFixed(1)}`,
  );
  const cores = availableParallelism();
  return { engines: engines.length, cores, load, seconds, clamscanSeconds, ratio, cpuRatio, ...taken };
}

/** One run of clamscan over the staged databases, with nothing beside it. */
async function clamscanAlone(
  candidate: Candidate,
  engine: Engine,
): Promise<{ seconds: number; cpuSeconds: number }> {
  const folder = await mkdtemp(join(candidate.workFolder, 'alone-'));
  await mkdir(join(folder, 'db'));
  for (const database of candidate.staged.keys())
    await link(join(candidate.folder, `${database}.cvd`), join(folder, 'db', `${database}.cvd`));
  await writeFile(join(folder, 'sample'), 'Nothing in this line is harmful.\n');
  const watching = watchTools(folder);
  const begun = performance.now();
  const args = (at: string) => [`--database=${at}/db`, '--no-summary', `${at}/sample`];
  const { exitCode, output } = await run(engine, { tool: 'clamscan', folder, args, timeout: 600_000 });
  if (exitCode !== 0) throw new Error(output);
  return { seconds: (performance.now() - begun) / 1000, cpuSeconds: watching.stop().cpuSeconds };
}

/** A stage as on most days: main as it is published, daily one version on. */
async function todays(
  folder: string,
  main: BigVersion | undefined,
  daily: readonly BigVersion[],
): Promise<Candidate> {
  if (main === undefined) throw new Error('no main');
  const candidate = await candidateOf('daily', folder, daily);
  await link(main.cvd, join(candidate.folder, 'main.cvd'));
  const { version, signatures, cvd: path } = main;
  const [before] = daily;
  return {
    ...candidate,
    staged: new Map([
      ['main', { version, signatures, fLevel: 81, cdiffs: { first: version, last: version } }],
      ...candidate.staged,
    ]),
    published: new Map([['main', { version, path }], ...candidate.published]),
    retained: new Map(
      before === undefined ? [] : [['daily', [{ version: before.version, path: before.cvd }]]],
    ),
  };
}

async function candidateOf(
  database: string,
  folder: string,
  [first, second]: readonly BigVersionOf[],
): Promise<Candidate> {
  if (first === undefined || second?.cdiff === undefined) throw new Error('no chain');
  const { version, signatures = 100 } = second;
  const stage = join(folder, 'stage');
  await mkdir(stage);
  await copyFile(second.cvd, join(stage, `${database}.cvd`));
  await copyFile(second.cdiff, join(stage, `${database}-${version}.cdiff`));
  const record = { version, signatures, fLevel: 81, cdiffs: { first: version, last: version } };
  return {
    folder: stage,
    staged: new Map([[database, record]]),
    published: new Map([[database, { version: first.version, path: first.cvd }]]),
    retained: new Map(),
    workFolder: folder,
  };
}

type BigVersionOf = Omit<BigVersion, 'signatures'> & Partial<Pick<BigVersion, 'signatures'>>;

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
