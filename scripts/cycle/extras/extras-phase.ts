import { codeOf, explain, type MirrorError } from '../../base/errors.ts';
import { acquireExtras } from '../../extras/acquire.ts';
import type { AcquiredExtra } from '../../extras/extra.ts';
import { inspectExtras } from '../../mirror/check/inspect-extras.ts';
import { type Published, readPublished } from '../../mirror/published.ts';
import type { CycleDeps } from '../context.ts';
import type { Memory } from '../memory/memory.ts';
import type { Progress } from '../progress.ts';
import type { CycleSettings } from '../settings.ts';
import { listWith } from './allow-list.ts';
import type { PassedExtras } from './gate-extras.ts';
import { digestOf, type Refused, readRefused, rememberRefused } from './remembered.ts';
import type { ExtraReport, ExtrasReport } from './report.ts';
import { type ExtrasRound, isProofDue, proveAndPublish } from './round.ts';
import { takenError, takenNames } from './taken.ts';
import { hasAllowList, NO_EXTRAS, type WantedExtras, wantedExtras } from './wanted.ts';
import { entriesNow, type ListedEntry } from './wanted-entries.ts';

/** Everything that the extras of a cycle need. */
export interface ExtrasContext extends Pick<CycleDeps, 'store' | 'trust' | 'log' | 'now' | 'openProver'> {
  readonly settings: CycleSettings;
  /** Folder of this run. */
  readonly workFolder: string;
  /** User-Agent for the sources of extras. */
  readonly userAgent: string;
}

/**
 * Brings the extras and the allow list up to date, in a publication of their own after that of the databases, which they never
 * delay: acquired, proven together with the databases that are published, and published. Reports each; never throws. Returns
 * `undefined` for a mirror without extras.
 */
export async function refreshExtras(context: ExtrasContext): Promise<ExtrasReport | undefined> {
  const { log, store } = context;
  let names: readonly string[] = [];
  try {
    const published = await readPublished(store).catch(() => undefined); // the cycle itself has told why
    if (published?.manifest === undefined || published.unread !== undefined) return undefined; // a cycle mends it first
    names = Object.keys(published.manifest.extras?.files ?? {});
    const report = await refresh(published, context);
    for (const [name, { outcome, reason, notes = [] }] of Object.entries(report ?? {})) {
      if (reason !== undefined) log.warn(`${name}: ${outcome}: ${reason}`);
      for (const note of notes) log.warn(`${name}: ${note}`);
    }
    return report;
  } catch (error) {
    const [reason, code] = [explain(error), codeOf(error) ?? 'unexpected'];
    log.warn(`the extras stay as they are: ${reason}`);
    return Object.fromEntries(names.map((name) => [name, { outcome: 'failed', reason, code }]));
  }
}

/** Refreshes the extras as the last part of a cycle. `seen` is what was published when its last turn began. */
export async function refreshExtrasOf(cycle: {
  readonly settings: CycleSettings;
  readonly deps: CycleDeps;
  readonly workFolder: string;
  readonly memory: Pick<Memory, 'state'>;
  readonly progress: Progress;
  readonly seen: Published | undefined;
}): Promise<void> {
  const { settings, deps, workFolder, memory, progress, seen } = cycle;
  const isNamed = settings.allowList !== undefined || (settings.extras ?? []).length > 0;
  if (!isNamed && seen !== undefined && seen.manifest?.extras === undefined) return;
  const userAgent = settings.userAgent(memory.state.uuid);
  progress.extras = await refreshExtras({ ...deps, settings, workFolder, userAgent });
  const isNews = Object.values(progress.extras ?? {}).some(({ outcome }) => outcome !== 'unchanged');
  if (isNews) progress.told = undefined; // the status page tells of them
}

async function refresh(published: Published, context: ExtrasContext): Promise<ExtrasReport | undefined> {
  const { settings, store, log, now } = context;
  const current = published.manifest?.extras ?? NO_EXTRAS;
  const listed = await readListed(settings.allowList, context);
  const allowed = entriesNow(current.allowed, listed, now());
  const hasList = hasAllowList({ ...current, allowed }, settings.allowList !== undefined);
  const looks = { sight: store.sight, now: now(), readsAll: settings.resync };
  const damaged = await inspectExtras(published, looks);
  for (const name of damaged) log.warn(`${name} in ${store.where} is not the file that the manifest names`);
  const acquired = await acquire(published, damaged, context);
  const isBare = Object.keys(current.files).length + current.retired.length === 0;
  if (!hasList && isBare && (acquired ?? []).length === 0) return undefined;
  const all = wantedExtras(published, { allowed, hasList, acquired, damaged });
  const taken = await takenNames(published, all.wanted, store);
  const found = { ...all, wanted: new Map([...all.wanted].filter(([name]) => !taken.has(name))) };
  const hashes = new Map([...found.wanted].map(([name, { sha256 }]) => [name, sha256]));
  const versions = new Map([...published.databases].map(([name, { version }]) => [name, version]));
  const of = digestOf(hashes, versions);
  const known = settings.retry || settings.resync ? {} : await readRefused(settings.work, of);
  const round: ExtrasRound = { ...context, published, ...found, allowed, isDry: settings.dryRun };
  const isRefusedAgain =
    Object.keys(known).length > 0 && found.damaged.size === 0 && !isProofDue(round, known);
  const foreign = Object.fromEntries([...taken].map((name) => [name, saidOf(takenError(name, store))]));
  if (isRefusedAgain) return reportOf(found, acquired, { published, known: { ...known, ...foreign } });
  const passed = await proveAndPublish(round);
  const refused = passed === undefined ? {} : refusedIn(passed);
  if (passed !== undefined && !settings.dryRun) {
    await rememberRefused(settings.work, of, refused).catch((error) =>
      log.info(`cannot remember which extras were refused: ${explain(error)}`),
    );
  }
  return reportOf(found, acquired, {
    published,
    known: { ...refused, ...foreign },
    passed,
    isDry: settings.dryRun,
  });
}

/** Entries of the file that settings name; `undefined` if there is none, or none that can be read. */
async function readListed(
  read: CycleSettings['allowList'],
  { log }: Pick<ExtrasContext, 'log'>,
): Promise<readonly ListedEntry[] | undefined> {
  if (read === undefined) return [];
  try {
    return await read();
  } catch (error) {
    log.warn(`${explain(error)}; its entries stay as they were`);
    return undefined;
  }
}

async function acquire(
  published: Published,
  damaged: ReadonlySet<string>,
  { settings, userAgent, now, log }: ExtrasContext,
): Promise<readonly AcquiredExtra[] | undefined> {
  const { extras, work, proxies, retry } = settings;
  if (extras === undefined) return undefined;
  const known = Object.entries(published.manifest?.extras?.files ?? {}).filter(
    ([name]) => !damaged.has(name),
  );
  return await acquireExtras(extras, {
    published: Object.fromEntries(known),
    work,
    userAgent,
    proxies,
    now,
    log,
    retry,
  });
}

/** Everything that was left out of a list or a publication, by the extra that lacks it. */
function refusedIn({ left, refused }: PassedExtras): Refused {
  const reasons = new Map([...left].map(([name, error]) => [name, saidOf(error)]));
  for (const [what, why] of refused) {
    const { reason } = reasons.get(listWith(what)) ?? {};
    const said = `${what} is not allowed: ${why}`;
    reasons.set(listWith(what), {
      code: 'proof/hides',
      reason: reason === undefined ? said : `${reason}; ${said}`,
    });
  }
  return Object.fromEntries(reasons);
}

function saidOf({ code, message }: MirrorError) {
  return { code, reason: message };
}

interface Reported {
  readonly published: Published;
  readonly known: Refused;
  readonly passed?: PassedExtras | undefined;
  readonly isDry?: boolean;
}

function reportOf(
  { wanted, damaged }: WantedExtras,
  acquired: readonly AcquiredExtra[] | undefined,
  { published, known, passed, isDry = false }: Reported,
): ExtrasReport {
  const files = published.manifest?.extras?.files ?? {};
  const sources = new Map((acquired ?? []).map((one) => [one.name, one]));
  const names = new Set([...Object.keys(files), ...wanted.keys(), ...sources.keys(), ...Object.keys(known)]);
  const reportOn = (name: string): ExtraReport => {
    const idle = (passed?.idle ?? []).filter((what) => listWith(what) === name);
    const notes = idle.map((what) => `no database has a signature ${what}, or ClamAV cannot switch it off`);
    const beside = notes.length > 0 ? { notes } : {};
    if (Object.hasOwn(known, name)) return { outcome: 'refused', ...known[name], ...beside };
    const { outcome, code = 'unexpected', reason = '', since } = sources.get(name) ?? {};
    if (outcome === 'failed' || outcome === 'refused')
      return { outcome, code, reason, ...(since !== undefined && { since }) };
    if (!wanted.has(name))
      return damaged.has(name) ? WITHDRAWN : { outcome: isDry ? 'unchanged' : 'retired' };
    const sha256 = (passed?.extras ?? wanted).get(name)?.sha256;
    if (sha256 === files[name]?.sha256 && !damaged.has(name)) return { outcome: 'unchanged', ...beside };
    return { outcome: isDry ? 'proven' : 'published', ...beside };
  };
  return Object.fromEntries([...names].sort().map((name) => [name, reportOn(name)]));
}

const WITHDRAWN: ExtraReport = {
  outcome: 'failed',
  code: 'extra/damaged',
  reason:
    'the store has other bytes of it, and nobody else has them: it is withdrawn until its source gives it again',
};
