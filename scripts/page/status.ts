import { VERSION } from '../base/version.ts';
import { freshnessOf } from '../mirror/freshness.ts';
import type { DatabaseRecord, Manifest } from '../mirror/manifest.ts';
import { type ExtrasStatus, extrasStatus, type FailingExtra } from './extras-status.ts';
import type { Change, History, Obtained, PastCycle } from './history.ts';
import { type Problem, type ToldProblem, toldProblem, toldReason } from './problem.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** Format of `status.json`. A reader ignores fields that it does not know, so later versions add some. */
const SCHEMA = 1;

/** A version of a database that was refused, and is not tried again for a while. */
export interface Quarantined {
  readonly version: number;
  readonly reason: string;
  readonly code: string;
  readonly since: string;
  /** `null`: until somebody asks for it. */
  readonly until: string | null;
}

/** The time in which upstream is not asked. */
export interface CoolDown {
  readonly until: string;
  readonly reason: string;
  readonly since?: string | undefined;
}

/** The newest cycle, whatever came of it. */
export interface LastTried extends Pick<PastCycle, 'at' | 'outcome' | 'seconds' | 'upstreamBytes'> {
  readonly problems: readonly ToldProblem[];
}

/** Everything that a status is made of. */
export interface StatusFacts {
  readonly now: Date;
  readonly manifest: Manifest;
  readonly history: History;
  /** Problems of the newest cycle, with their reasons; the history knows only the codes of them. */
  readonly problems?: readonly Problem[] | undefined;
  /** Extras that the newest cycle could not bring. */
  readonly failingExtras?: readonly FailingExtra[] | undefined;
  /** By database. */
  readonly quarantine: Readonly<Record<string, Quarantined>>;
  readonly coolDown: CoolDown | undefined;
  /** URL at which clients find the mirror. */
  readonly publicUrl: string | undefined;
}

/** State of one served database. */
export interface DatabaseStatus
  extends Pick<DatabaseRecord, 'version' | 'built' | 'signatures' | 'fLevel' | 'size' | 'sha256' | 'cdiffs'> {
  /** Time at which it was last known to be whole, and upstream's newest. */
  readonly checked: string;
  /** Origin of this version, if it is known. */
  readonly obtained: Omit<Obtained, 'version'> | null;
  /** URL of the upstream that gave this version, if it is known. */
  readonly source: string | null;
  /** Version in upstream's own header, and the time at which it was read. */
  readonly upstream: { readonly version: number; readonly at: string } | null;
  readonly pinned: { readonly since: string; readonly reason: string } | null;
  readonly quarantined: Quarantined | null;
  /** Time since when it is deliberately not mirrored any more. */
  readonly left: string | null;
  /** State of its `.sign`. */
  readonly sign: string | null;
}

/** What `status.json` says, and the page shows. */
export interface Status {
  readonly generator: string;
  readonly schema: number;
  /** Time at which this was written. */
  readonly written: string;
  readonly verdict: Verdict;
  /** Time at which the served databases were last known to be upstream's newest: the oldest of those that are mirrored. */
  readonly checked: string;
  /** Time of the last change of files. */
  readonly published: string;
  readonly publicUrl: string | null;
  readonly upstream: string;
  readonly lastTried: LastTried | null;
  /** The newest change of a database, if it is known. */
  readonly lastChange: Omit<Change, 'cycle' | 'isPending'> | null;
  readonly coolDown: CoolDown | null;
  readonly databases: Readonly<Record<string, DatabaseStatus>>;
  readonly proof: {
    readonly passed: boolean;
    readonly started: string;
    /** Seconds. */
    readonly duration: number;
    readonly databases: Readonly<Record<string, number>>;
    readonly engines: Manifest['proof']['engines'];
    readonly scenarios: { readonly passed: number; readonly failed: number; readonly skipped: number };
    readonly accepted: { readonly reason: string; readonly findings: readonly string[] } | null;
  };
  readonly extras: ExtrasStatus;
  readonly files: { readonly count: number; readonly bytes: number };
}

/** Judges a mirror by what is published and what its last cycle did. */
export function statusOf(facts: StatusFacts): Status {
  const { now, manifest, publicUrl } = facts;
  const coolDown =
    facts.coolDown !== undefined && Date.parse(facts.coolDown.until) > now.getTime() ? facts.coolDown : null;
  const databases = Object.fromEntries(databasesOf(facts));
  const lastTried = lastTriedOf(facts);
  const checked = oldest(databases) ?? manifest.checked;
  const { results, accepted, passed, started, duration, engines } = manifest.proof;
  const count = (wanted: string) => results.filter(({ result }) => result === wanted).length;
  const sizes = Object.values(manifest.files).map(({ size }) => size);
  return {
    generator: `clamav-mirror/${VERSION}`,
    schema: SCHEMA,
    written: now.toISOString(),
    verdict: verdictOf({ now, checked, databases: Object.values(databases), lastTried, coolDown }),
    checked,
    published: manifest.published,
    publicUrl: publicUrl ?? null,
    upstream: manifest.upstream.url,
    lastTried,
    lastChange: lastChangeOf(facts.history),
    coolDown: coolDown && { ...coolDown, reason: toldReason(coolDown.reason) },
    databases,
    proof: {
      ...{ passed, started, duration, databases: manifest.proof.databases, engines },
      scenarios: { passed: count('passed'), failed: count('failed'), skipped: count('skipped') },
      accepted: accepted ?? null,
    },
    extras: extrasStatus(manifest, facts.failingExtras ?? []),
    files: { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) },
  };
}

function databasesOf({ manifest, history, quarantine }: StatusFacts): (readonly [string, DatabaseStatus])[] {
  return freshnessOf(manifest).flatMap(({ database, checked, seen, left, isHeld }) => {
    const record = manifest.databases[database];
    if (record === undefined) return [];
    const { version, built, signatures, fLevel, size, sha256, cdiffs, held, sign, source = null } = record;
    const known = Object.hasOwn(history.obtained, database) ? history.obtained[database] : undefined;
    const { version: obtainedVersion, ...obtained } = known ?? { version: undefined };
    const barred = Object.hasOwn(quarantine, database) ? quarantine[database] : undefined;
    return [
      [
        database,
        {
          ...{ version, built, signatures, fLevel, size, sha256, cdiffs, source },
          checked: isHeld ? (seen?.at ?? checked) : checked, // a pinned one stays behind on purpose
          obtained:
            known !== undefined && obtainedVersion === version
              ? (obtained as Omit<Obtained, 'version'>)
              : null,
          upstream: seen ? { version: seen.version, at: seen.at } : null,
          pinned: held ? { since: held.since, reason: toldReason(held.reason) } : null,
          quarantined: barred ? { ...barred, reason: toldReason(barred.reason) } : null,
          left: left ?? null,
          sign: sign?.state ?? null,
        },
      ] as const,
    ];
  });
}

/** The newest cycle, by what this machine knows, else by what the history tells. */
function lastTriedOf({ history, problems }: StatusFacts): LastTried | null {
  const last = history.cycles.at(-1);
  if (last === undefined) return null;
  const { at, outcome, seconds, upstreamBytes } = last;
  const told = problems?.map(toldProblem) ?? [
    ...(last.error === undefined
      ? []
      : [toldProblem({ database: undefined, code: last.error, reason: undefined })]),
    ...Object.entries(last.problems).map(([database, code]) =>
      toldProblem({ database, code, reason: undefined }),
    ),
  ];
  return { at, outcome, seconds, upstreamBytes, problems: told };
}

/** The newest change that a history knows, as everybody may read it. */
export function lastChangeOf({ changes }: Pick<History, 'changes'>): Status['lastChange'] {
  const change = changes.at(-1);
  if (change === undefined) return null;
  const { cycle: _, isPending: __, reason, ...rest } = change;
  return { ...rest, ...(reason !== undefined && { reason: toldReason(reason) }) };
}

/** The oldest check of the databases that are mirrored. */
function oldest(databases: Readonly<Record<string, DatabaseStatus>>): string | undefined {
  const times = Object.values(databases).flatMap(({ left, checked }) => (left === null ? [checked] : []));
  return times.sort((one, other) => Date.parse(one) - Date.parse(other))[0];
}
