import { constants } from 'node:os';
import { runCycle } from '../cycle.ts';
import { bytes, type Log, streamLog } from '../log.ts';
import { findNativeEngine } from '../proof/native.ts';
import { proveWith } from '../proof/prove.ts';
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
    findProver: async () => proveWith([await findNativeEngine(searchPath())], now),
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
    log.info(
      `${result === 'passed' ? 'proven' : 'FAILED'}  ${engine}: ${scenario} (${evidence}; ${duration} s)`,
    );
  }
  for (const [database, one] of Object.entries(report.databases)) {
    log.info(`${database}: ${sentence(one)}`);
    for (const note of one.notes) log.warn(`${database}: ${note}`);
  }
  if (report.error !== undefined) log.warn(report.error.message);
  const taken = `${bytes(report.upstreamBytes)} taken from upstream, ${report.duration} s`;
  log.info(`${report.outcome}: ${store} (${taken})`);
}

function sentence({ outcome, from, to, how, offered, upstreamBytes, reason }: DatabaseReport): string {
  const kept = from === null ? 'nothing is published' : `version ${from} stays published`;
  if (outcome === 'published') return `version ${from ?? 'none'} → ${to}, ${how}, ${bytes(upstreamBytes)}`;
  if (outcome === 'unchanged') return kept;
  return `${outcome}${offered === undefined ? '' : ` version ${offered}`}: ${reason}; ${kept}`;
}
