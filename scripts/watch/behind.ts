import { lasting, moment } from '../base/words.ts';
import { type Freshness, freshnessOf } from '../mirror/freshness.ts';
import type { DatabaseRecord, Manifest } from '../mirror/manifest.ts';
import { inspectPin } from '../mirror/pin.ts';
import { type Finding, Findings, listed } from '../probe/finding.ts';
import type { Newest, Version } from './newest.ts';

const HOUR_MS = 3_600_000;
const CHECK = 'behind upstream';
const ADVICE = 'Find out why sync does not run, or why it fails: read its last report';

/** Ages in milliseconds from which there is a warning, and a fault. */
export interface Limits {
  readonly warn: number;
  readonly fail: number;
}

/** Checks for how long one database has been behind upstream. */
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

/**
 * Reports a pin each time, and after a day as a warning. It keeps clients behind for as long as it stays, and whoever can
 * write the manifest can plant one.
 */
function checkHeld(
  findings: Findings,
  newest: Version | undefined,
  pin: { database: string; record: DatabaseRecord; manifest: Manifest; limits: Limits; now: number },
): Findings {
  const { database, record, manifest, limits, now } = pin;
  const upstream = newest === undefined ? '' : `, upstream has ${newest.version}`;
  const what = `version ${record.version}${upstream}; pinned since ${moment(record.held?.since ?? '')}: ${record.held?.reason}`;
  const { bogus, doubt = bogus } = inspectPin(database, record, manifest, new Date(now));
  const age = now - Date.parse(record.held?.since ?? '');
  const why = doubt ?? (age > limits.warn ? `for ${lasting(age)}` : undefined);
  if (why === undefined) return findings.good(what);
  return findings.warning(`${what} (${why})`, `Unpin it: clamav-mirror release --database ${database}`);
}

/**
 * Estimates when the version after ours came out, in milliseconds since 1970. It assumes even intervals between our build
 * and the newest; one version behind, this is the build time of the newest. If only DNS names the newest, its build may be
 * as late as now. Then the last check of the mirror counts if it is earlier, because all was well until then.
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

/** Warns of databases whose newest version upstream did not reveal. */
export function checkKnown(served: Iterable<string>, { versions, doubts }: Newest): Finding[] {
  const unknown = [...served].filter((database) => !versions.has(database));
  if (unknown.length === 0) return [];
  return new Findings('mirror', CHECK).warning(
    `upstream's newest version of ${listed(unknown, 9)} is not known${doubts.length === 0 ? '' : `: ${doubts.join('; ')}`}`,
    'Name nameservers that answer (--nameservers), or the upstream (--upstream)',
  ).list;
}

/**
 * Checks when upstream was last asked with success, for each database by itself: one that is refused makes no other one
 * old. By default for all that are published.
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
      `the last check was at ${moment(checked)}, which is in the future`,
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
