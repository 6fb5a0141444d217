import { bytes, printJson, runLog } from '../base/log.ts';
import { exportBundle } from '../bundle/export.ts';
import { openImport } from '../bundle/import.ts';
import { runCycle } from '../cycle/cycle.ts';
import { exportSettings, importSettings } from '../settings/commands/bundle.ts';
import { logSettings } from '../settings/log.ts';
import { type Given, together } from '../settings/read.ts';
import { openStore } from '../store/open.ts';
import { cycleDeps } from '../wiring/cycle-context.ts';
import { endOnSignal } from '../wiring/on-signal.ts';
import { printReport } from './sync.ts';

/** `clamav-mirror bundle export`: writes what the other side of a gap lacks. */
export async function exportTo(given: Given, json: boolean): Promise<'good'> {
  const { settings, voice } = together({
    settings: () => exportSettings(given),
    voice: () => logSettings(given),
  });
  const log = runLog(process.stderr, voice);
  endOnSignal();
  const store = await openStore(settings.store, settings.s3);
  const done = await exportBundle(settings, { store, log, now: () => new Date() });
  if (json) {
    printJson(process.stdout, done);
    return 'good';
  }
  for (const [database, { from, to }] of Object.entries(done.databases))
    log.info(`${database}: version ${from ?? 'none'} → ${to}`);
  const which = done.number === 0 ? 'a bundle that stands alone' : `bundle ${done.number}`;
  log.say(`${which}: ${bytes(done.bytes)} in ${done.files.join(', ')}`);
  log.info(`on the other side: clamav-mirror bundle import ${done.files.join(' ')} --store …`);
  return 'good';
}

/** `clamav-mirror bundle import`: one cycle from bundles, without any network. */
export async function importFrom(
  files: readonly string[],
  given: Given,
  json: boolean,
): Promise<'good' | 'failed' | 'refused'> {
  const { settings, voice } = together({
    settings: () => importSettings(files, given),
    voice: () => logSettings(given),
  });
  const { bundles, cycle } = settings;
  const log = runLog(process.stderr, voice);
  endOnSignal();
  const deps = await cycleDeps(cycle, log);
  await using opened = await openImport(bundles, { store: deps.store, log });
  for (const note of opened.notes) log.say(note);
  const { mirrored: databases, databases: only, openUpstream } = opened;
  const report =
    only.length > 0 ? await runCycle({ ...cycle, databases, only }, { ...deps, openUpstream }) : undefined;
  if (json) printJson(process.stdout, { notes: opened.notes, cycle: report ?? null });
  else if (report !== undefined) printReport(report, cycle.store, log);
  if (report?.outcome === 'refused' || report?.outcome === 'failed') return report.outcome;
  if (!cycle.dryRun) await opened.finish();
  return 'good';
}
