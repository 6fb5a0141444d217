import { printable } from '../base/printable.ts';
import { VERSION } from '../base/version.ts';
import { withMoments } from '../base/words.ts';
import { freshnessOf } from '../mirror/freshness.ts';
import type { DatabaseRecord, Manifest } from '../mirror/manifest.ts';
import { SHOWN_CHARACTERS } from './bits.ts';
import type { Change, History, Obtained, PastCycle } from './history.ts';
import type { Problem } from './record.ts';
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

/** A problem as everybody may read it. */
interface ToldProblem {
  readonly database?: string;
  readonly code: string;
  readonly what: string;
}

/** Everything that a status is made of. */
export interface StatusFacts {
  readonly now: Date;
  readonly manifest: Manifest;
  readonly history: History;
  /** Problems of the newest cycle, with their reasons; the history knows only the codes of them. */
  readonly problems?: readonly Problem[] | undefined;
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
  readonly lastChange: Change | null;
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
    lastChange: toldChange(facts.history.changes.at(-1)),
    coolDown: coolDown && { ...coolDown, reason: told(coolDown.reason) },
    databases,
    proof: {
      ...{ passed, started, duration, databases: manifest.proof.databases, engines },
      scenarios: { passed: count('passed'), failed: count('failed'), skipped: count('skipped') },
      accepted: accepted ?? null,
    },
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
          pinned: held ? { since: held.since, reason: told(held.reason) } : null,
          quarantined: barred ? { ...barred, reason: told(barred.reason) } : null,
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

/**
 * Says what everybody may know of a problem. The reasons of refusals are about what upstream offered; those of this
 * machine's own troubles may hold paths and addresses, and stay in its log.
 */
export function toldProblem({
  database,
  code,
  reason,
}: Pick<Problem, 'database' | 'code' | 'reason'>): ToldProblem {
  const what = reason !== undefined && OFFERED.test(code) ? told(reason) : plainly(code);
  return { ...(database !== undefined && { database }), code, what };
}

const OFFERED = /^(verify|cvd|proof)\/|^upstream\/(cool-down|spoilt|mislabelled|doubted|lagging)$/;

function plainly(code: string): string {
  const [kind = ''] = code.split('/');
  return KINDS[kind] ?? 'the cycle ended before it was done';
}

const KINDS: Readonly<Record<string, string>> = {
  verify: 'what upstream offered is not genuine',
  cvd: 'what upstream offered is not genuine',
  proof: 'what upstream offered could not be proven',
  upstream: 'upstream could not be reached, or did not answer as it should',
  nameserver: 'the machine that proves has no working nameserver for its proof',
  engine: 'no ClamAV could prove on the machine of the mirror',
  store: 'the store could not take the publication',
  file: 'the disk of the machine of the mirror could not be used',
  'read-back': 'the host did not serve what was published, so the state before was published again',
};

function toldChange(change: Change | undefined): Change | null {
  if (change === undefined) return null;
  const { reason } = change;
  return { ...change, ...(reason !== undefined && { reason: told(reason) }) };
}

function told(reason: string): string {
  const text = printable(withMoments(reason));
  return text.length > SHOWN_CHARACTERS.reason
    ? `${text.slice(0, SHOWN_CHARACTERS.reason).toWellFormed().trimEnd()} …` // a cut may part a pair of surrogates
    : text;
}

/** The oldest check of the databases that are mirrored. */
function oldest(databases: Readonly<Record<string, DatabaseStatus>>): string | undefined {
  const times = Object.values(databases).flatMap(({ left, checked }) => (left === null ? [checked] : []));
  return times.sort((one, other) => Date.parse(one) - Date.parse(other))[0];
}
