import { codeOf, explain } from '../base/errors.ts';
import { CHANGES_STEPS, CHANGES_VERSIONS, MARK_BYTES } from '../base/limits/page.ts';
import type { Log } from '../base/log.ts';
import { CvdError } from '../cvd/error.ts';
import { changesIndexName, changesName, changesOverviewName, parseChangesName } from '../cvd/names.ts';
import { chunksOfSync } from '../files/open.ts';
import type { Store } from '../store/store.ts';
import { type CdiffSource, changesByCdiffAlone, changesByCdiffs } from './from-cdiffs.ts';
import { changesByDatabases } from './from-databases.ts';
import { digestsOf, encodeNameIndex, readNameIndex } from './name-index.ts';
import { encodeOverview, readOverview, type StepSummary, summaryOf } from './overview.ts';
import { encodeStep } from './record.ts';
import type { Step } from './step.ts';
import { textsOf } from './texts.ts';

/** A file of a mirror, brought to this machine and compared with the manifest: its path, `undefined` if it cannot be had. */
export type Bring = () => Promise<string | undefined>;

/** Files of a database from which its changes can be worked out. */
export interface DatabaseFiles {
  readonly database: string;
  /** The served version. */
  readonly version: number;
  /** CDIFFs that are not empty, by the version that they lead to. */
  readonly cdiffs: ReadonlyMap<number, Bring>;
  /** The served CVD and earlier ones, by version. */
  readonly cvds: ReadonlyMap<number, Bring>;
}

export interface CompletionContext {
  readonly store: Pick<Store, 'readStart'>;
  /** Sizes in bytes of all files of the store, by name. */
  readonly listing: ReadonlyMap<string, number>;
  /** A folder of ours that need not exist, to unpack a database in. */
  readonly folder: string;
  readonly log: Pick<Log, 'info'>;
  /** Bytes that all lists of the database may take. Where this is limited, none are made of versions before the last one known. */
  readonly room?: number | undefined;
}

/** Texts to publish by name, the overview last, and names to remove after that. */
export interface Completion {
  readonly texts: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

/**
 * Makes the lists of changes that a store lacks, as far as its CDIFFs and CVDs allow, and keeps those of the last versions.
 * `undefined` if there is nothing to do. Lists that a killed run left are made again unless the overview names them. A
 * file of somebody else keeps its name. Throws if files cannot be read.
 */
export async function completeChanges(
  files: DatabaseFiles,
  context: CompletionContext,
): Promise<Completion | undefined> {
  const { database } = files;
  const { listing, room } = context;
  const read = textsOf(context.store);
  const known = new Map(
    (await readOverview(read, database))
      .filter(({ from, to, bytes }) => {
        const isThere = listing.get(changesName(database, to)) === bytes;
        return isThere && (from === to - 1 || !files.cdiffs.has(to)); // else a CDIFF came later, and tells of one step
      })
      .map((summary) => [summary.to, summary]),
  );
  const last = room === undefined ? 0 : Math.max(0, ...known.keys());
  const lacking = wantedOf(files).filter((to) => !known.has(to) && to > last);
  const newest = new Set([...known.keys(), ...lacking].sort((a, b) => b - a).slice(0, CHANGES_VERSIONS));
  const missing = lacking.filter((to) => newest.has(to)); // after a rollback there are lists of later versions
  if (missing.length === 0) return undefined;
  const names = [changesOverviewName(database), changesIndexName(database)];
  const others = await othersAmong([...names, ...missing.map((to) => changesName(database, to))], context);
  if (names.some((name) => others.has(name))) return undefined;
  const free = missing.filter((to) => !others.has(changesName(database, to)));
  const steps = await stepsTo(free.slice(-CHANGES_STEPS), files, context);
  if (steps.length === 0) return undefined;

  const made = new Map(steps.map((step) => [step.to, { step, text: encodeStep(step) }]));
  for (const { step, text } of made.values()) known.set(step.to, summaryOf(step, text));
  const kept = fitting([...known.values()], room);
  const indexed = await readNameIndex(read, database);
  const [texts, index] = [new Map<string, string>(), new Map<number, string>()];
  for (const { to } of kept) {
    const { step, text } = made.get(to) ?? {};
    const digests = step === undefined ? indexed.get(to) : digestsOf(step);
    if (digests !== undefined) index.set(to, digests);
    if (text !== undefined) texts.set(changesName(database, to), text);
  }
  if (texts.size === 0) return undefined; // there is no room
  texts.set(changesIndexName(database), encodeNameIndex(database, index));
  texts.set(changesOverviewName(database), encodeOverview(database, kept));
  return { texts, remove: await outdated(database, kept, context) };
}

/** Versions that should have a list: those that a CDIFF leads to, and the served one. */
function wantedOf({ version, cdiffs, cvds }: DatabaseFiles): number[] {
  const hasEarlier = [...cvds.keys()].some((earlier) => earlier < version);
  const wanted = [...cdiffs.keys(), ...(hasEarlier ? [version] : [])].filter((to) => to <= version);
  return [...new Set(wanted)].sort((a, b) => a - b).slice(-CHANGES_VERSIONS);
}

/** The newest ones, as many as may be kept. */
function fitting(summaries: readonly StepSummary[], room = Number.POSITIVE_INFINITY): StepSummary[] {
  const newest = summaries.toSorted((a, b) => b.to - a.to).slice(0, CHANGES_VERSIONS);
  let total = 0;
  const end = newest.findIndex(({ bytes }) => {
    total += bytes * INDEX_SHARE;
    return total > room;
  });
  return newest.slice(0, end === -1 ? undefined : end).reverse();
}

/** Bytes of a list with its share of overview and index, for each byte of the list. */
const INDEX_SHARE = 1.25;

/** Lists of ours that are not kept any more. */
async function outdated(
  database: string,
  kept: readonly StepSummary[],
  context: CompletionContext,
): Promise<string[]> {
  const keptNames = new Set(kept.map(({ to }) => changesName(database, to)));
  const names = [...context.listing.keys()].filter((name) => {
    const file = parseChangesName(name);
    return file?.database === database && file.version !== undefined && !keptNames.has(name);
  });
  const others = await othersAmong(names, context);
  return names.filter((name) => !others.has(name));
}

/** Names under which somebody else keeps a file. */
async function othersAmong(
  names: readonly string[],
  { store, listing }: CompletionContext,
): Promise<ReadonlySet<string>> {
  const others = new Set<string>();
  for (const name of names) {
    if (!listing.has(name)) continue;
    const start = await store.readStart(name, MARK_BYTES);
    if (!start.includes(MARK)) others.add(name);
  }
  return others;
}

/** Text near the start of each of our files. */
const MARK = '"generator": "clamav-mirror/';

/**
 * The steps that lead to these versions: by CDIFFs and the newest CVD before them, where there is one; else by each CDIFF
 * alone; where no CDIFF leads to the served version, by the CVD before and the served one.
 */
async function stepsTo(
  missing: readonly number[],
  files: DatabaseFiles,
  context: CompletionContext,
): Promise<Step[]> {
  const { database, version, cdiffs } = files;
  const steps = new Map<number, Step>();
  const wanted = new Set(missing);
  const base = await baseFor(missing[0] ?? 0, files);
  if (base !== undefined) {
    const chain: CdiffSource[] = [];
    for (let to = base.version + 1; to <= (missing.at(-1) ?? 0); to++) {
      const source = await sourceOf(to, cdiffs);
      if (source === undefined) break;
      chain.push(source);
    }
    if (chain.some(({ version: to }) => wanted.has(to))) {
      const found = await unlessUnfit(
        () => changesByCdiffs(database, base.path, chain, context.folder),
        context,
      );
      for (const step of found ?? []) if (wanted.has(step.to)) steps.set(step.to, step);
    }
    const served = wanted.has(version) && !steps.has(version) ? await files.cvds.get(version)?.() : undefined;
    if (served !== undefined) {
      const step = await unlessUnfit(() => changesByDatabases(database, base.path, served), context);
      if (step?.from === base.version && step.to === version) steps.set(version, step);
    }
  }
  for (const to of missing) {
    const source = steps.has(to) ? undefined : await sourceOf(to, cdiffs);
    if (source === undefined) continue;
    const step = await unlessUnfit(async () => changesByCdiffAlone(database, source), context);
    if (step !== undefined) steps.set(to, step);
  }
  return [...steps.values()].sort((a, b) => a.to - b.to);
}

/** The newest CVD before a version; without one, the oldest that is before the served version. */
async function baseFor(
  first: number,
  { version, cvds }: DatabaseFiles,
): Promise<{ readonly version: number; readonly path: string } | undefined> {
  const earlier = [...cvds].filter(([one]) => one < version).sort(([a], [b]) => a - b);
  const before = earlier.filter(([one]) => one < first).reverse();
  const after = earlier.filter(([one]) => one >= first);
  for (const [one, bring] of [...before, ...after]) {
    const path = await bring();
    if (path !== undefined) return { version: one, path };
  }
  return undefined;
}

async function sourceOf(version: number, cdiffs: DatabaseFiles['cdiffs']): Promise<CdiffSource | undefined> {
  const path = await cdiffs.get(version)?.();
  return path === undefined ? undefined : { version, bytes: () => chunksOfSync(path) };
}

async function unlessUnfit<T>(act: () => Promise<T>, { log }: CompletionContext): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof CvdError) && codeOf(error) !== 'ENOENT') throw error;
    log.info(`changes are found out in another way: ${explain(error)}`);
    return undefined;
  }
}
