import { MANIFEST_DATABASES } from '../base/limits/manifest.ts';
import {
  HISTORY_CHANGES,
  HISTORY_CODE_CHARACTERS,
  HISTORY_CYCLES,
  HISTORY_DAYS,
} from '../base/limits/page.ts';
import type { Manifest } from '../mirror/manifest.ts';
import type { FailingExtra } from './extras-status.ts';
import { type MirrorEvent, withEvents } from './feed/events.ts';
import type { Change, History, Obtained, PastCycle, PastDay } from './history.ts';
import { type Problem, toldProblem } from './problem.ts';
import { isRefused } from './verdict.ts';

/** A new version of a database, as a publication brings it. */
export type NewVersion = Pick<
  Change,
  'database' | 'from' | 'to' | 'how' | 'upstreamBytes' | 'cycle' | 'isPending'
>;

/** A cycle as far as it came. */
export interface CycleFacts {
  /** Time of its start. */
  readonly at: string;
  readonly outcome: PastCycle['outcome'];
  /** Seconds so far. */
  readonly seconds: number;
  /** Seconds of its proof, if it proved anything. */
  readonly proofSeconds: number | undefined;
  readonly upstreamBytes: number;
  /** Databases that were refused or failed. */
  readonly problems: readonly Problem[];
  /** Extras that were refused or failed. */
  readonly failingExtras?: readonly FailingExtra[];
  readonly published: readonly NewVersion[];
}

/**
 * Adds a cycle and its new versions. A cycle that was told before, in the middle of it, is replaced with its changes: it
 * counts once, and what it took back is no change.
 */
export function withCycle(history: History, cycle: CycleFacts, manifest: Manifest, now: Date): History {
  const isOfIt = (one: Change) => one.cycle === cycle.at;
  const others = history.changes.filter((one) => !isOfIt(one));
  const told = history.changes.filter(isOfIt);
  const versions = cycle.published.map((one) => ({ ...one, cycle: cycle.at, isPending: true as const }));
  const changed = withVersions({ ...history, changes: others }, versions, manifest, now, told);
  const cycles = [...history.cycles.filter(({ at }) => at !== cycle.at), pastCycle(cycle, manifest)];
  const kept = cycles.slice(-HISTORY_CYCLES);
  const events = withEvents(history.events, refusals(cycle.problems, manifest, now));
  return { ...changed, events, cycles: kept, days: withDay(changed.days, kept, manifest, cycle) };
}

/** Versions that were refused. Those that are still held for an earlier refusal were refused then. */
export function refusals(
  problems: readonly Problem[],
  { databases }: Pick<Manifest, 'databases'>,
  now: Date,
): MirrorEvent[] {
  return problems.flatMap((problem) => {
    const { database, version = null, code } = problem;
    if (database === undefined || !isRefused(code) || HELD.test(code)) return [];
    const served = databases[database]?.version ?? null;
    const { what } = toldProblem(problem);
    const told = { version, served, code: code.slice(0, HISTORY_CODE_CHARACTERS), what };
    return [{ kind: 'refused' as const, at: now.toISOString(), database, ...told }];
  });
}

const HELD = /\/held$/;

/**
 * Adds new versions that no cycle brought, such as those of a rollback. What was told of them before, in the middle of a
 * cycle, keeps its time.
 */
export function withVersions(
  history: History,
  versions: readonly NewVersion[],
  { databases }: Pick<Manifest, 'databases'>,
  now: Date,
  told: readonly Change[] = [],
): History {
  const isKnown = ({ database, to }: NewVersion) =>
    history.changes.findLast((one) => one.database === database)?.to === to;
  const changes = versions
    .filter((one) => !isKnown(one))
    .map((one): Change => {
      const before = told.find(
        ({ database, from, to, how }) =>
          database === one.database && from === one.from && to === one.to && how === one.how,
      );
      return before ?? { at: freeTime(one, history.changes, now), ...one, ...describedBy(databases, one) };
    });
  const obtained = {
    ...history.obtained,
    ...Object.fromEntries(changes.map((one) => [one.database, obtainedBy(one)])),
  };
  const published = Object.entries(obtained).filter(([name]) => Object.hasOwn(databases, name));
  return {
    ...history,
    changes: [...history.changes, ...changes].slice(-HISTORY_CHANGES),
    obtained: Object.fromEntries(published.slice(0, MANIFEST_DATABASES)),
  };
}

/** What the manifest says of a version that it serves. */
function describedBy(databases: Manifest['databases'], { database, to, how }: NewVersion) {
  const record = Object.hasOwn(databases, database) ? databases[database] : undefined;
  if (record?.version !== to) return {};
  const { signatures, size, held } = record;
  return { signatures, size, ...(how === 'rolled back' && held && { reason: held.reason }) };
}

/** A time at which this version was not published before: a clock may stand still, or go back. */
function freeTime({ database, to }: NewVersion, changes: readonly Change[], now: Date): string {
  const taken = new Set(
    changes.filter((one) => one.database === database && one.to === to).map(({ at }) => Date.parse(at)),
  );
  let time = now.getTime();
  while (taken.has(time)) time++;
  return new Date(time).toISOString();
}

function obtainedBy({ to: version, at, how, upstreamBytes }: Change): Obtained {
  return { version, at, how, upstreamBytes };
}

function pastCycle(cycle: CycleFacts, { databases }: Manifest): PastCycle {
  const { at, outcome, seconds, proofSeconds, upstreamBytes, problems, published } = cycle;
  const short = (code: string) => code.slice(0, HISTORY_CODE_CHARACTERS);
  const ofDatabases = problems.flatMap(({ database, code }) =>
    database === undefined ? [] : [[database, short(code)] as const],
  );
  const whole = problems.find(({ database }) => database === undefined);
  return {
    ...{ at, outcome, seconds: tenths(seconds), upstreamBytes },
    ...(proofSeconds !== undefined && { proofSeconds: tenths(proofSeconds) }),
    wholeBytes: published.reduce((sum, { database }) => sum + (databases[database]?.size ?? 0), 0),
    problems: Object.fromEntries(ofDatabases),
    ...(whole && { error: short(whole.code) }),
  };
}

/** Sums up the cycles that began on a day, as far as they are kept, and what was published at its end. */
function withDay(
  days: readonly PastDay[],
  cycles: readonly PastCycle[],
  manifest: Manifest,
  { at, published }: CycleFacts,
): PastDay[] {
  const day = at.slice(0, 10);
  const before = days.find((one) => one.day === day);
  const counted = cycles.filter((one) => one.at.startsWith(day));
  const count = (outcome: PastCycle['outcome']) => counted.filter((one) => one.outcome === outcome).length;
  const most = (values: readonly number[]) => values.reduce((largest, one) => Math.max(largest, one), 0);
  const sum = (values: readonly number[]) => values.reduce((total, one) => total + one, 0);
  const proofs = counted.flatMap(({ proofSeconds }) => proofSeconds ?? []);
  const databases = Object.entries(manifest.databases).map(([name, { version, signatures, size, built }]) => {
    const isNew = published.some(({ database }) => database === name);
    const age = isNew
      ? Math.max(0, Math.round((Date.parse(manifest.published) - Date.parse(built)) / 1000))
      : before?.databases[name]?.age;
    return [name, { version, signatures, size, ...(age !== undefined && { age }) }] as const;
  });
  const summed: PastDay = {
    day,
    cycles: counted.length,
    ...{ published: count('published'), refused: count('refused'), failed: count('failed') },
    seconds: most(counted.map(({ seconds }) => seconds)),
    ...(proofs.length > 0 && { proofSeconds: most(proofs) }),
    upstreamBytes: sum(counted.map(({ upstreamBytes }) => upstreamBytes)),
    wholeBytes: sum(counted.map(({ wholeBytes }) => wholeBytes)),
    databases: Object.fromEntries(databases),
  };
  return [...days.filter((one) => one.day !== day), summed].slice(-HISTORY_DAYS);
}

function tenths(seconds: number): number {
  return Math.round(seconds * 10) / 10;
}
