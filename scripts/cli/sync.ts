import { bytes, printJson, type RunLog, runLog } from '../base/log.ts';
import { took } from '../base/words.ts';
import { adoptionLines } from '../cycle/adopt/adoption-lines.ts';
import { runCycle } from '../cycle/cycle.ts';
import type { CycleReport, DatabaseReport } from '../cycle/report.ts';
import { runWhenOffered } from '../cycle/survey/wait-for.ts';
import { manifestOf } from '../mirror/published.ts';
import { reportOnCycle, servingOf } from '../notify/cycle-failures.ts';
import { alertSettings } from '../settings/alerts.ts';
import { syncSettings } from '../settings/commands/sync.ts';
import { waitSettings } from '../settings/commands/wait-for.ts';
import { logSettings } from '../settings/log.ts';
import { type Given, together } from '../settings/read.ts';
import { cycleDeps } from '../wiring/cycle-context.ts';
import { endOnSignal } from '../wiring/on-signal.ts';
import { alerted, leaveSoon, sendAlerts } from '../wiring/send-alerts.ts';

/** `clamav-mirror sync`: one cycle. */
export async function sync(given: Given, json: boolean): Promise<'good' | 'failed' | 'refused'> {
  const { settings, voice, alerts, awaited } = await alerted(given, 'sync', () => {
    const read = together({
      settings: () => syncSettings(given),
      voice: () => logSettings(given),
      alerts: () => alertSettings(given),
    });
    return { ...read, awaited: waitSettings(given, read.settings.databases) };
  });
  const log = runLog(process.stderr, voice);
  endOnSignal();
  const { report, store } = await alerted(given, 'sync', async () => {
    const deps = await cycleDeps(settings, log);
    const run = awaited ? runWhenOffered(awaited, settings, deps) : runCycle(settings, deps);
    return { report: await run, store: deps.store };
  });
  if (json) printJson(process.stdout, report);
  else printReport(report, settings.store, log);
  if (alerts !== undefined && !settings.dryRun) {
    const isReadBack = settings.publicUrl !== undefined && report.outcome === 'published';
    const serving = servingOf(await manifestOf(store).catch(() => undefined), settings.publicUrl);
    const run = reportOnCycle(report, { serving, log: [], isReadBack, at: new Date() });
    if (await sendAlerts(run, alerts, { command: 'sync', log })) leaveSoon();
  }
  if (report.outcome === 'refused' || report.outcome === 'failed') return report.outcome;
  return 'good';
}

/**
 * Prints one line for each database, one for an error that ended the run, and one for a run that published something although
 * something else failed. The rest is detail.
 */
export function printReport(report: CycleReport, store: string, log: RunLog): void {
  for (const { scenario, engine, result, evidence, duration } of report.proof?.results ?? []) {
    log.info(`${RESULTS[result]}  ${engine}: ${scenario} (${evidence}; ${took(duration)})`);
  }
  for (const line of report.adoption === undefined ? [] : adoptionLines(report.adoption)) log.say(line);
  for (const [database, one] of Object.entries(report.databases)) {
    const line = `${database}: ${sentence(one)}`;
    if (one.outcome === 'refused' || one.outcome === 'failed') log.error(line, one.code ?? 'unexpected');
    else if (one.outcome !== 'unchanged' || log.voice !== 'quiet') log.say(line);
    for (const note of one.notes) log.warn(`${database}: ${note}`);
  }
  for (const [name, { outcome }] of Object.entries(report.extras ?? {})) {
    // of what was refused or failed, the cycle has told
    if (outcome === 'published' || outcome === 'proven' || outcome === 'retired')
      log.say(`${name}: ${EXTRAS[outcome]}`);
  }
  if (report.error !== undefined) log.error(report.error.message, report.error.code);
  const taken = `${bytes(report.upstreamBytes)} taken from upstream, ${took(report.duration)}`;
  const beside = publishedBeside(report);
  const total = `${report.outcome}${beside}: ${store} (${taken})`;
  if (beside === '') log.info(total);
  else log.say(total);
}

/** Names the databases that a failed run published all the same. */
function publishedBeside({ outcome, databases }: CycleReport): string {
  if (outcome !== 'failed' && outcome !== 'refused') return '';
  const published = Object.entries(databases).filter(
    ([, { outcome, from, to }]) => outcome === 'published' || to !== from,
  );
  if (published.length === 0) return '';
  return `, but published ${published.map(([database, { to }]) => `${database} ${to}`).join(', ')}`;
}

const EXTRAS = {
  published: 'is published',
  proven: 'is proven, and not published: a dry run',
  retired: 'is published no more',
} as const;

const RESULTS = { passed: 'proven', failed: 'FAILED', skipped: 'skipped' } as const;

function sentence({ outcome, from, to, how, offered, upstreamBytes, reason }: DatabaseReport): string {
  const kept =
    to === null
      ? 'nothing is published'
      : to === from
        ? `version ${from} stays published`
        : `version ${to} is published, ${how}`;
  if (outcome === 'published') return `version ${from ?? 'none'} → ${to}, ${how}, ${bytes(upstreamBytes)}`;
  if (outcome === 'proven') return `version ${offered ?? from} is proven, and not published: a dry run`;
  if (outcome === 'unchanged') return kept;
  return `${outcome}${offered === undefined ? '' : ` version ${offered}`}, ${kept}: ${reason}`;
}
