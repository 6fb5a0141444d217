import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { runCycle } from '../cycle/cycle.ts';
import type { CycleReport } from '../cycle/report.ts';
import type { CycleSettings } from '../cycle/settings.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { manifestOf } from '../mirror/published.ts';
import { reportOnCycle, servingOf } from '../notify/cycle-failures.ts';
import { syncSettings } from '../settings/commands/sync.ts';
import type { Given } from '../settings/read.ts';
import { COPIES_FOLDER, Copies } from '../store/copies.ts';
import { isS3Address } from '../store/s3/address.ts';
import type { Store } from '../store/store.ts';
import { cycleDeps } from '../wiring/cycle-context.ts';
import type { ActionContext, Ended } from './action-command.ts';
import { restoreCache, saveCache } from './cache/cache.ts';
import { cycleSummary } from './cycle-summary.ts';
import { publishedOutputs } from './published-outputs.ts';

/** Runs one cycle. */
export function sync(given: Given): (context: ActionContext) => Promise<Ended> {
  const settings = withLocal(syncSettings(given));
  return async (context) => await cycle(settings, context);
}

/** Runs one cycle that takes everything anew from upstream. */
export function resync(given: Given): (context: ActionContext) => Promise<Ended> {
  const settings = withLocal(syncSettings(given));
  return async (context) => await cycle({ ...settings, resync: true }, context);
}

/** A workflow's repository has files of the owner in the folder `local`, if it has any. */
function withLocal(settings: CycleSettings): CycleSettings {
  return settings.local === undefined && existsSync('local')
    ? { ...settings, local: resolve('local') }
    : settings;
}

async function cycle(settings: CycleSettings, context: ActionContext): Promise<Ended> {
  const { action, log, now } = context;
  const { publicUrl } = settings;
  const { store, report } = await withCache(settings, context, async () => {
    const deps = await cycleDeps(settings, log);
    return { store: deps.store, report: await runCycle(settings, deps) };
  });
  const manifest = await manifestOf(store).catch(() => undefined);
  const isReadBack = publicUrl !== undefined && report.outcome === 'published';
  const serving = servingOf(manifest, publicUrl);
  const { outcome } = report;
  return {
    verdict: outcome === 'refused' || outcome === 'failed' ? outcome : 'good',
    outputs: {
      outcome,
      ...outputsOf(report, manifest, publicUrl),
      'proof-path': await saveProof(report, action.folder),
    },
    summary: cycleSummary(report, { manifest, publicUrl }),
    report: reportOnCycle(report, { serving, log: log.tail, isReadBack, at: now() }),
  };
}

interface Ran {
  readonly store: Store;
  readonly report: CycleReport;
}

/** Keeps the state, and copies from a bucket or from the host to restore from, in the repository's cache: both are far away. */
async function withCache(
  settings: CycleSettings,
  { action, given, log }: ActionContext,
  run: () => Promise<Ran>,
): Promise<Ran> {
  const { store, s3, databases, work, restoreFrom } = settings;
  if (!action.cache || (!isS3Address(store) && restoreFrom === undefined)) return await run();
  const owner = restoreFrom ?? store; // the folder of a mirror that is restored may be another one in each run
  const cache = { store: owner, endpoint: s3.endpoint, databases, work };
  const restored = await restoreCache(cache, given.environment);
  log.info(`cache: ${restored.outcome}${restored.why === undefined ? '' : ` (${restored.why})`}`);
  const ran = await run();
  if (restoreFrom !== undefined) await copyPublished(ran.store, settings);
  const saved = await saveCache(cache, given.environment, restored);
  log.info(`cache: ${saved.outcome}${saved.why === undefined ? '' : ` (${saved.why})`}`);
  return ran;
}

/** Copies the published files of a folder for the cache: the next run begins without that folder. */
async function copyPublished(store: Store, { work }: CycleSettings): Promise<void> {
  const copies = new Copies(join(work, COPIES_FOLDER));
  const files = Object.entries((await manifestOf(store).catch(() => undefined))?.files ?? {});
  await copies.retain(new Set(files.map(([, { sha256 }]) => sha256)));
  for (const [name, { sha256 }] of files) await copies.keep(sha256, join(store.where, name));
}

function outputsOf(
  { databases, upstreamBytes }: CycleReport,
  manifest: Manifest | undefined,
  publicUrl: string | undefined,
): Record<string, string> {
  const changed = Object.entries(databases).filter(
    ([, { outcome, from, to }]) => outcome === 'published' || to !== from,
  );
  return {
    changed: changed.map(([name]) => name).join(','),
    'upstream-bytes': String(upstreamBytes),
    ...publishedOutputs(manifest, publicUrl),
  };
}

async function saveProof({ proof }: CycleReport, folder: string): Promise<string> {
  if (proof === null) return '';
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'proof.json');
  await writeFile(path, `${JSON.stringify(proof, undefined, 2)}\n`);
  return path;
}
