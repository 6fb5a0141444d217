import { runCycle } from '../cycle.ts';
import { bytes, type Log, printJson, streamLog } from '../log.ts';
import type { CycleReport, DatabaseReport } from '../report.ts';
import type { Given } from '../settings/read.ts';
import { syncSettings } from '../settings.ts';
import { endOnSignal, partsFor } from './parts.ts';

/** `clamav-mirror sync`: one cycle. */
export async function sync(given: Given, json: boolean): Promise<'good' | 'failed' | 'refused'> {
  const settings = syncSettings(given);
  const log = streamLog(process.stderr);
  endOnSignal();
  const report = await runCycle(settings, await partsFor(settings, log));
  if (json) printJson(process.stdout, report);
  else tell(report, settings.store, log);
  if (report.outcome === 'refused' || report.outcome === 'failed') return report.outcome;
  return 'good';
}

export function tell(report: CycleReport, store: string, log: Log): void {
  for (const { scenario, engine, result, evidence, duration } of report.proof?.results ?? []) {
    log.info(`${RESULTS[result]}  ${engine}: ${scenario} (${evidence}; ${duration} s)`);
  }
  for (const [database, one] of Object.entries(report.databases)) {
    log.info(`${database}: ${sentence(one)}`);
    for (const note of one.notes) log.warn(`${database}: ${note}`);
  }
  if (report.error !== undefined) log.warn(report.error.message);
  const taken = `${bytes(report.upstreamBytes)} taken from upstream, ${report.duration} s`;
  log.info(`${report.outcome}${publishedBeside(report)}: ${store} (${taken})`);
}

/** That something failed is not all there is to say of a run that published something. */
function publishedBeside({ outcome, databases }: CycleReport): string {
  if (outcome !== 'failed' && outcome !== 'refused') return '';
  const published = Object.entries(databases).filter(([, one]) => one.outcome === 'published');
  if (published.length === 0) return '';
  return `, but published ${published.map(([database, { to }]) => `${database} ${to}`).join(', ')}`;
}

const RESULTS = { passed: 'proven', failed: 'FAILED', skipped: 'skipped' } as const;

function sentence({ outcome, from, to, how, offered, upstreamBytes, reason }: DatabaseReport): string {
  const kept = from === null ? 'nothing is published' : `version ${from} stays published`;
  if (outcome === 'published') return `version ${from ?? 'none'} → ${to}, ${how}, ${bytes(upstreamBytes)}`;
  if (outcome === 'proven') return `version ${offered ?? from} is proven, and not published: a dry run`;
  if (outcome === 'unchanged') return kept;
  return `${outcome}${offered === undefined ? '' : ` version ${offered}`}: ${reason}; ${kept}`;
}
