import { CLOCK_TOLERANCE_MS } from '../base/clock.ts';
import { COOL_DOWN_MS } from '../base/limits/upstream.ts';
import { counted, lasting, moment } from '../base/words.ts';
import { cvdName, isArchived, parseFileName } from '../cvd/names.ts';
import type { LastRun } from '../cycle/memory/last-run.ts';
import { archivedVersions } from '../mirror/archive.ts';
import type { Manifest } from '../mirror/manifest.ts';
import { unreadNames } from '../mirror/own-manifest.ts';
import { inspectPin } from '../mirror/pin.ts';
import { filesOf, isListed, type Published } from '../mirror/published.ts';
import { signProblemOf } from '../mirror/signs/sign-problem.ts';
import { checkedAt } from './checked.ts';
import type { Facts } from './facts.ts';
import type { NextSteps } from './next-step.ts';

export type ProblemKind =
  | 'unpublished'
  | 'stale'
  | 'damaged'
  | 'unclear'
  | 'foreign'
  | 'refused'
  | 'waiting'
  | 'cooling down'
  | 'pinned'
  | 'no .sign'
  | 'extra'
  | 'last run';

/** Something that needs a person's attention. */
export interface Problem {
  readonly kind: ProblemKind;
  /** A few words, for the line of the verdict. */
  readonly title: string;
  /** One sentence, without a full stop. */
  readonly what: string;
  /** The command to type next, word by word. */
  readonly next: readonly string[];
  readonly database?: string;
}

export type StatusVerdict = 'well' | 'first run' | 'stale' | 'attention';

export interface Limits {
  /** Longest time without a successful check of upstream, in milliseconds. */
  readonly maxAge: number;
}

const DAY_MS = 24 * 60 * 60_000;
/** Time that upstream has for a late `.sign`, as in a cycle. */
const LATE_SIGN_MS = DAY_MS;
/** Longest possible cool-down. A longer one was set while the clock was wrong. */
const LONGEST_COOL_DOWN_MS = COOL_DOWN_MS.longest + CLOCK_TOLERANCE_MS;
/** Longest reason in a line for people; JSON has all of it. */
const REASON_CHARACTERS = 240;
/** Most names in a line for people. */
const MAX_NAMES = 3;

/** Finds all problems, the worst first. */
export function problemsOf(facts: Facts, limits: Limits, next: NextSteps): Problem[] {
  const { manifest } = facts.published;
  const known = [...refused(facts, next), ...waiting(facts, next), ...cooling(facts, next)];
  if (manifest === undefined) {
    const [barrier] = known; // a plain run would stop here
    return [unpublished(facts, barrier?.next ?? next.sync()), ...known, ...lastRun(facts, known, next)];
  }
  const isCooling = known.some(({ kind }) => kind === 'cooling down');
  return [
    ...stale(facts, manifest, limits, next.sync(isCooling ? RETRY : VERBOSE)),
    ...damaged(facts, manifest, next),
    ...unclear(facts, next),
    ...foreign(facts, next),
    ...known,
    ...pinned(facts, manifest, next),
    ...withoutSign(facts, manifest, next),
    ...failingExtras(facts, next),
    ...lastRun(facts, known, next),
  ];
}

export function verdictOf(problems: readonly Problem[]): StatusVerdict {
  const has = (kind: ProblemKind) => problems.some((problem) => problem.kind === kind);
  if (has('unpublished')) return 'first run';
  if (has('stale')) return 'stale';
  return problems.length > 0 ? 'attention' : 'well';
}

function unpublished({ where, isThere }: Facts, next: Problem['next']): Problem {
  const title = `nothing was ever published in ${where}`;
  const what = isThere ? title : `the folder ${where} does not exist`;
  return { kind: 'unpublished', title, what, next };
}

function stale(facts: Facts, manifest: Manifest, { maxAge }: Limits, next: Problem['next']): Problem[] {
  const { now } = facts;
  const old = checkedAt(manifest, facts.memory.lastRun).filter(({ at }) => now.getTime() - at > maxAge);
  const [oldest] = old.sort((one, other) => one.at - other.at);
  if (oldest === undefined) return [];
  const age = lasting(now.getTime() - oldest.at);
  const names = old.map(({ database }) => database);
  const what = `${listed(names)}: the last successful check of upstream was ${age} ago, the limit is ${lasting(maxAge)}`;
  return [{ kind: 'stale', title: `upstream was last checked ${age} ago`, what, next }];
}

const VERBOSE = { verbose: true } as const;

function damaged({ published, broken }: Facts, manifest: Manifest, next: NextSteps): Problem[] {
  const lost = Object.entries(manifest.files)
    .filter(([name, record]) => !isListed(name, record, published))
    .map(([name]) => name)
    .filter((name) => !isArchived(parseFileName(name)));
  const bad = [...new Set([...lost, ...withoutFile(published, manifest), ...broken])];
  const databases = [...new Set(bad.map((name) => parseFileName(name)?.database ?? name))];
  return databases.map((database) => {
    const names = bad.filter((name) => parseFileName(name)?.database === database);
    const isLost = names.filter((name) => !broken.includes(name));
    const isBroken = names.filter((name) => broken.includes(name));
    const what = [
      ...(isLost.length > 0 ? [`${listed(isLost)}: missing or of the wrong size`] : []),
      ...(isBroken.length > 0 ? [`${listed(isBroken)}: changed since publication`] : []),
    ].join('; ');
    const title = `${database} is damaged`;
    return { kind: 'damaged', title, what, next: mending(database, manifest, next), database };
  });
}

/** Names of CVDs that a manifest lacks although it lists their databases. */
function withoutFile({ damaged: databases }: Published, manifest: Manifest): string[] {
  return databases.flatMap((database) => {
    return filesOf(manifest, database).includes(cvdName(database)) ? [] : [cvdName(database)];
  });
}

/** Command that repairs a database. A sync downloads it anew, but never changes a pinned one. */
function mending(database: string, manifest: Manifest, next: NextSteps): readonly string[] {
  if (manifest.databases[database]?.held === undefined) return next.sync();
  const [kept] = archivedVersions(manifest, database);
  return kept === undefined ? next.release(database) : next.rollback(database, kept);
}

/** Entries of the store's own manifest that cannot be understood. The next cycle restores them from the files. */
function unclear({ published }: Facts, next: NextSteps): Problem[] {
  const names = unreadNames(published.unread);
  if (names.length === 0) return [];
  const what = `the manifest's entry for ${listed(names)} cannot be understood; the next sync restores it`;
  return [{ kind: 'unclear', title: 'the manifest is damaged', what, next: next.sync() }];
}

function foreign({ foreign: names }: Facts, next: NextSteps): Problem[] {
  if (names.length === 0) return [];
  const isOne = names.length === 1;
  const what = `${listed(names)}: not part of the mirror, but served to clients that ask for ${isOne ? 'it' : 'them'}`;
  const title = isOne ? 'a foreign database file is served' : 'foreign database files are served';
  return [{ kind: 'foreign', title, what, next: next.sync() }];
}

function refused({ memory, published, now }: Facts, next: NextSteps): Problem[] {
  return Object.entries(memory.quarantine).flatMap(([database, { version, since, until, reason }]) => {
    if (published.manifest?.databases[database]?.version === version) return [];
    const again =
      until === null
        ? 'until upstream offers another version'
        : Date.parse(until) > now.getTime()
          ? `before ${moment(until)}`
          : undefined;
    const when = again === undefined ? 'the next sync tries it again' : `not tried again ${again}`;
    const title = `${database} ${version} was refused`;
    const what = `${database} ${version} was refused on ${moment(since)}: ${short(reason)}; ${when}`;
    return [{ kind: 'refused', title, what, next: next.sync({ retry: true }), database } as const];
  });
}

function cooling({ memory, now }: Facts, next: NextSteps): Problem[] {
  return Object.entries(memory.coolDowns).flatMap(([url, { until, reason }]) => {
    const left = Date.parse(until) - now.getTime();
    if (left <= 0 || left > LONGEST_COOL_DOWN_MS) return [];
    const what = `${url} is not asked until ${moment(until)}, for another ${lasting(left)}: ${short(reason)}`;
    return [
      { kind: 'cooling down', title: 'upstream is cooling down', what, next: next.sync(RETRY) } as const,
    ];
  });
}

const RETRY = { retry: true } as const;

function pinned({ now }: Facts, manifest: Manifest, next: NextSteps): Problem[] {
  return Object.entries(manifest.databases).flatMap(([database, record]) => {
    const { held, version } = record;
    if (held === undefined) return [];
    const { bogus, doubt } = inspectPin(database, record, manifest, now);
    const age = lasting(now.getTime() - Date.parse(held.since));
    const stays = `${database} is pinned at version ${version} since ${moment(held.since)}, for ${age}: ${short(held.reason)}`;
    const doubts = bogus === undefined ? doubt : `the pin is ignored: ${bogus}`;
    const what = doubts === undefined ? stays : `${stays}; ${doubts}`;
    return [
      {
        kind: 'pinned',
        title: `${database} is pinned`,
        what,
        next: next.release(database),
        database,
      } as const,
    ];
  });
}

function withoutSign({ now }: Facts, manifest: Manifest, next: NextSteps): Problem[] {
  return Object.entries(manifest.databases).flatMap(([database, record]) => {
    const problem = signProblemOf(database, record, now);
    if (problem?.kind !== 'absent' || now.getTime() - problem.since <= LATE_SIGN_MS) return [];
    const title = `${database} has no good .sign`;
    return [{ kind: 'no .sign', title, what: problem.what, next: next.sync(), database } as const];
  });
}

/** Extras that the last run could not bring up to date: what is published of them stays. */
function failingExtras({ memory }: Facts, next: NextSteps): Problem[] {
  return Object.entries(memory.lastRun?.extras ?? {}).map(
    ([name, { outcome, code = 'unexpected', reason }]) => {
      const why = `${short(reason ?? 'it gave no reason')} (${code})`;
      const title = `${name} ${outcome === 'refused' ? 'was refused' : 'is not up to date'}`;
      return { kind: 'extra', title, what: `${name} ${outcome}: ${why}`, next: next.sync({ retry: true }) };
    },
  );
}

/** Updates that the last run found genuine, but too unusual to take at once. */
function waiting({ memory }: Facts, next: NextSteps): Problem[] {
  return Object.entries(memory.lastRun?.databases ?? {}).flatMap(([database, { code, offered, reason }]) => {
    if (code !== WAITING) return [];
    const title = `${database} ${offered ?? ''}`.trimEnd();
    const what = `${title}: ${short(reason ?? 'it is unusual')}`;
    const step = next.sync({ accept: 'why it is right' });
    return [{ kind: 'waiting', title: `${title} waits`, what, next: step, database } as const];
  });
}

const WAITING = 'proof/waiting';
/** Codes of errors that doctor can explain. */
const OF_MACHINE = /^(engine|setting|store|file)\//;
/** Codes after which a plain run waits before it asks upstream again (cycle/memory/doubts.ts). */
const DOUBTED = /^upstream\/(doubted|spoilt|mislabelled)$/;

/** Failure of the last run, unless another problem already covers it. */
function lastRun({ memory, now }: Facts, told: readonly Problem[], next: NextSteps): Problem[] {
  const { lastRun: run } = memory;
  if (run === undefined) return [];
  const isCooling = told.some(({ kind }) => kind === 'cooling down');
  const isTold = (code: string, database?: string) =>
    (isCooling && code === 'upstream/cool-down') ||
    told.some(
      ({ kind, ...told }) => kind !== 'cooling down' && told.database === database && database !== undefined,
    );
  const [first, ...others] = failuresOf(run).filter(({ code, database }) => !isTold(code, database));
  if (first === undefined) return [];
  const { database, code, reason } = first;
  const ago = lasting(now.getTime() - Date.parse(run.at));
  const whose = database === undefined ? '' : `${database}: `;
  const more = others.length === 0 ? '' : `; and ${counted(others.length, 'other')}`;
  const what = `${run.outcome} ${ago} ago (${code}): ${whose}${short(reason)}${more}`;
  const step = OF_MACHINE.test(code) ? next.doctor() : next.sync(DOUBTED.test(code) ? RETRY : VERBOSE);
  return [{ kind: 'last run', title: `the last run ${was(run.outcome)}`, what, next: step }];
}

function was(outcome: LastRun['outcome']): string {
  return outcome === 'refused' ? 'refused something' : 'failed';
}

function failuresOf(run: LastRun): { database?: string; code: string; reason: string }[] {
  const whole = run.error && [{ code: run.error.code, reason: run.error.message }];
  const each = Object.entries(run.databases).flatMap(([database, { outcome, code, reason }]) =>
    outcome === 'failed' || outcome === 'refused'
      ? [{ database, code: code ?? 'unexpected', reason: reason ?? 'it gave no reason' }]
      : [],
  );
  return [...(whole ?? []), ...each];
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_NAMES).join(', ');
  return names.length > MAX_NAMES ? `${shown} and ${counted(names.length - MAX_NAMES, 'other')}` : shown;
}

function short(reason: string): string {
  return reason.length > REASON_CHARACTERS ? `${reason.slice(0, REASON_CHARACTERS).trimEnd()} …` : reason;
}
