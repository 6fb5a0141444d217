import { lasting, moment } from '../base/words.ts';
import { type Freshness, freshnessOf } from '../mirror/freshness.ts';
import type { DatabaseRecord, Manifest } from '../mirror/manifest.ts';
import { inspectPin } from '../mirror/pin.ts';
import { type Finding, Findings, listed } from '../probe/finding.ts';
import type { Newest, Version } from './newest.ts';

const HOUR_MS = 3_600_000;
const CHECK = 'behind upstream';
const ADVICE = 'Find out why sync does not run, or fails: its last report says so';

/** Milliseconds: how old is a warning, and how old is a fault. */
export interface Limits {
  readonly warn: number;
  readonly fail: number;
}

/** How far one database is behind upstream, in time. */
export function checkBehind(
  database: string,
  ours: { readonly version: number; readonly built: number },
  newest: Version | undefined,
  { manifest, limits, now }: { manifest: Manifest | undefined; limits: Limits; now: number },
): Finding[] {
  const findings = new Findings(database, CHECK);
  const record = manifest?.databases[database];
  if (manifest !== undefined && record?.held !== undefined)
    return checkHeld(findings, newest, { database, record, manifest, limits, now }).list;
  if (newest === undefined || newest.version === 0) return []; // `checkKnown` says it
  if (newest.version <= ours.version)
    return findings.good(`version ${ours.version} is upstream's newest`).list;
  const what = `version ${ours.version}, upstream has ${newest.version}`;
  const [fresh] = manifest === undefined ? [] : freshnessOf(manifest, [database]);
  const checked = Date.parse(fresh?.checked ?? manifest?.checked ?? '') || undefined;
  const age = now - behindSince(ours, { ...newest, checked, now });
  return judgeAge(findings, age, limits, `behind for ${lasting(age)}: ${what}`);
}

/** A pin is told each time, and after a day as a warning: it was made for an incident, and whoever can write the manifest can plant one, and it keeps clients behind for as long as it is there. */
function checkHeld(
  findings: Findings,
  newest: Version | undefined,
  pin: { database: string; record: DatabaseRecord; manifest: Manifest; limits: Limits; now: number },
): Findings {
  const { database, record, manifest, limits, now } = pin;
  const upstream = newest === undefined ? '' : `, upstream has ${newest.version}`;
  const what = `version ${record.version}${upstream}; held since ${moment(record.held?.since ?? '')}: ${record.held?.reason}`;
  const { bogus, doubt = bogus } = inspectPin(database, record, manifest, new Date(now));
  const age = now - Date.parse(record.held?.since ?? '');
  const why = doubt ?? (age > limits.warn ? `for ${lasting(age)}` : undefined);
  if (why === undefined) return findings.good(what);
  return findings.warning(
    `${what} (${why})`,
    `Let it move again: clamav-mirror release --database ${database}`,
  );
}

/**
 * When the version after ours was first to be had. Versions are taken to come at even intervals between our build and the
 * newest; so where ours is one behind, that is when the newest was built. If only DNS tells of the newest, its build may
 * be as late as now; then the last check of the mirror counts if it is earlier, because all was well until then.
 * Milliseconds since 1970.
 */
export function behindSince(
  ours: { readonly version: number; readonly built: number },
  newest: Version & { readonly checked: number | undefined; readonly now: number },
): number {
  const { version, built = newest.now, checked } = newest;
  const next = ours.built + (built - ours.built) / (version - ours.version);
  if (newest.built !== undefined || checked === undefined) return next;
  return Math.min(next, Math.max(checked, ours.built));
}

/** Whether upstream told what it has. */
export function checkKnown(served: Iterable<string>, { versions, doubts }: Newest): Finding[] {
  const unknown = [...served].filter((database) => !versions.has(database));
  if (unknown.length === 0) return [];
  return new Findings('mirror', CHECK).warning(
    `what upstream has of ${listed(unknown, 9)} is not known${doubts.length === 0 ? '' : `: ${doubts.join('; ')}`}`,
    'Name nameservers that answer with --nameservers, or the upstream with --upstream',
  ).list;
}

/**
 * When upstream was last asked for each of these databases with success, by default for each that is published: one that
 * is refused makes no other one old.
 */
export function checkLastCheck(
  manifest: Manifest,
  databases: readonly string[] | undefined,
  age: { limits: Limits; now: number },
): Finding[] {
  const known = freshnessOf(manifest, databases);
  const [first, ...others] = known;
  const ofAll = { checked: manifest.checked, left: undefined };
  if (first === undefined) return judgeCheck('mirror', ofAll, age);
  const isOne = others.every(({ checked, left }) => checked === first.checked && left === first.left);
  if (isOne && others.length > 0) return judgeCheck('mirror', first, age);
  return known.flatMap((one) => judgeCheck(one.database, one, age));
}

function judgeCheck(
  subject: string,
  { checked, left, ...fresh }: Pick<Freshness, 'checked' | 'left'> & Partial<Freshness>,
  { limits, now }: { limits: Limits; now: number },
): Finding[] {
  const findings = new Findings(subject, 'last check');
  const age = now - Date.parse(checked);
  const what = `upstream was last checked with success ${lasting(age)} ago`;
  if (age < -HOUR_MS) {
    return findings.warning(
      `the last check was at ${moment(checked)}, which lies ahead`,
      'Set the clock of the machine that syncs, or of this one',
    ).list;
  }
  if (left !== undefined) {
    const advice = 'Mirror it again with --databases, or tell its clients to leave it out';
    return findings.warning(`not mirrored since ${left}: ${what}`, advice).list;
  }
  const { seen, version } = fresh;
  const isRefused = seen !== undefined && seen.version !== version;
  const more = isRefused ? `; upstream was seen to have version ${seen.version} at ${seen.at}` : '';
  return judgeAge(findings, age, limits, `${what}${more}`);
}

export function judgeAge(
  findings: Findings,
  age: number,
  { warn, fail }: Limits,
  what: string,
  advice = ADVICE,
): Finding[] {
  if (age > fail) return findings.fault(what, advice).list;
  if (age > warn) return findings.warning(what, advice).list;
  return findings.good(what).list;
}
