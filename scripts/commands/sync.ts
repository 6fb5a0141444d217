import { constants } from 'node:os';
import { join } from 'node:path';
import { runCycle } from '../cycle.ts';
import { bytes, type Log, streamLog } from '../log.ts';
import { openEngines } from '../proof/open-engines.ts';
import { proveWith } from '../proof/prove.ts';
import { readUserSamples } from '../proof/user-samples.ts';
import type { CycleReport, DatabaseReport } from '../report.ts';
import { type Given, searchPath, syncSettings } from '../settings.ts';
import { FolderStore } from '../store/folder.ts';
import { TALOS } from '../verify/trust.ts';

/** `clamav-mirror sync`: one cycle, with the engine found on this machine. */
export async function sync(given: Given, json: boolean): Promise<'good' | 'failed' | 'refused'> {
  const settings = syncSettings(given);
  const log = streamLog(process.stderr);
  const now = () => new Date();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal])); // and ClamAV's tools with us
  }
  const report = await runCycle(settings, {
    store: new FolderStore(settings.store),
    findProver: async () => {
      const { engines, work } = settings;
      const samples = await readUserSamples(settings.samples);
      const found = await openEngines(engines, { path: searchPath(), work, log });
      return proveWith(found, { now, samples, failures: join(work, 'failed') });
    },
    trust: TALOS,
    log,
    now,
  });
  if (json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  else tell(report, settings.store, log);
  if (report.outcome === 'refused' || report.outcome === 'failed') return report.outcome;
  return 'good';
}

function tell(report: CycleReport, store: string, log: Log): void {
  for (const { scenario, engine, result, evidence, duration } of report.proof?.results ?? []) {
    log.info(`${RESULTS[result]}  ${engine}: ${scenario} (${evidence}; ${duration} s)`);
  }
  for (const [database, one] of Object.entries(report.databases)) {
    log.info(`${database}: ${sentence(one)}`);
    for (const note of one.notes) log.warn(`${database}: ${note}`);
  }
  if (report.error !== undefined) log.warn(report.error.message);
  const taken = `${bytes(report.upstreamBytes)} taken from upstream, ${report.duration} s`;
  log.info(`${report.outcome}: ${store} (${taken})`);
}

const RESULTS = { passed: 'proven', failed: 'FAILED', skipped: 'skipped' } as const;

function sentence({ outcome, from, to, how, offered, upstreamBytes, reason }: DatabaseReport): string {
  const kept = from === null ? 'nothing is published' : `version ${from} stays published`;
  if (outcome === 'published') return `version ${from ?? 'none'} → ${to}, ${how}, ${bytes(upstreamBytes)}`;
  if (outcome === 'unchanged') return kept;
  return `${outcome}${offered === undefined ? '' : ` version ${offered}`}: ${reason}; ${kept}`;
}
