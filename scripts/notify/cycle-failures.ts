import { FAILURE_CHARACTERS } from '../base/limits/github.ts';
import { counted } from '../base/words.ts';
import type { ExtraReport } from '../cycle/extras/report.ts';
import type { CycleReport } from '../cycle/report.ts';
import type { Manifest } from '../mirror/manifest.ts';
import type { Failure, FailureClass, RunReport } from './run-report.ts';

/** Classes in the order of a cycle: a failure says nothing about the steps after it. */
const ORDER: readonly FailureClass[] = [
  'configuration',
  'upstream',
  'integrity',
  'engine',
  'proof',
  'publication',
  'host',
];

/** Codes for which settings are to blame, although each value by itself is valid. */
const MISCONFIGURED = new Set([
  'engine/confined',
  'engine/missing',
  'engine/pin-gone',
  'engine/spec',
  'store/address',
  'store/credentials',
  'store/denied',
  'store/gateway',
  'store/limit',
  'store/no-bucket',
  'store/too-large',
  'upstream/no-database',
]);

const CLASSES: readonly (readonly [RegExp, FailureClass])[] = [
  [/^(setting|sample|rollback)\//, 'configuration'],
  [/^upstream\//, 'upstream'],
  [/^(verify|cvd)\//, 'integrity'],
  [/^(engine|nameserver)\//, 'engine'],
  [/^proof\//, 'proof'],
  [/^(read-back|probe|client)\//, 'host'],
  [/^(extra|allow)\//, 'extras'],
];

/** Class of a failure by its error code. An unforeseen error counts as a failed publication: nothing was published. */
export function classOf(code: string): FailureClass {
  if (MISCONFIGURED.has(code)) return 'configuration';
  return CLASSES.find(([pattern]) => pattern.test(code))?.[1] ?? 'publication';
}

/** Report of a cycle for the notifier. `isReadBack`: the publication was read back from outside. */
export function reportOnCycle(
  cycle: CycleReport,
  about: { serving: RunReport['serving']; log: readonly string[]; isReadBack: boolean; at: Date },
): RunReport {
  const extras = extrasFailure(cycle, about);
  const failures = [...failuresOf(cycle, about.log), ...(extras === undefined ? [] : [extras])];
  return {
    failures,
    recovered: cycle.error === undefined ? recoveredBy(cycle, failures, about.isReadBack) : [],
    serving: about.serving,
    upstream: Object.fromEntries(
      Object.entries(cycle.databases).flatMap(([database, { offered, to, outcome }]) => {
        const version = offered ?? (outcome === 'published' || outcome === 'unchanged' ? to : null);
        return version === null ? [] : [[database, version]];
      }),
    ),
    at: about.at.toISOString(),
  };
}

/** Report of an error outside a cycle: wrong settings, a failed rollback, and the like. */
export function reportOnError(
  { code, what }: { code: string; what: string },
  about: { log: readonly string[]; at: Date },
): RunReport {
  const failure = {
    class: classOf(code),
    code,
    what: what.slice(0, FAILURE_CHARACTERS),
    log: [...about.log],
  };
  return { failures: [failure], recovered: [], serving: null, upstream: {}, at: about.at.toISOString() };
}

/** Versions that clients get, by the manifest. */
export function servingOf(
  manifest: Manifest | undefined,
  url: string | undefined,
): NonNullable<RunReport['serving']> | null {
  if (manifest === undefined) return null;
  const { databases, checked, published } = manifest;
  const versions = Object.fromEntries(
    Object.entries(databases).map(([name, { version }]) => [name, version]),
  );
  return { versions, checked, published, ...(url !== undefined && { url }) };
}

function failuresOf({ databases, error }: CycleReport, log: readonly string[]): Failure[] {
  const found = new Map<FailureClass, Failure>();
  const abouts = new Map<FailureClass, string[]>();
  const add = (code: string, what: string, about?: string) => {
    const kind = classOf(code);
    const known = found.get(kind);
    if (known === undefined) found.set(kind, { class: kind, code, what, log: [...log] });
    else if (!known.what.includes(what)) known.what += `; ${what}`;
    if (about !== undefined) abouts.set(kind, [...(abouts.get(kind) ?? []), about]);
  };
  if (error !== undefined) add(error.code, error.message);
  for (const [database, { outcome, code, reason, offered }] of Object.entries(databases)) {
    if (outcome !== 'refused' && outcome !== 'failed') continue;
    const about = offered === undefined ? database : `${database} ${offered}`;
    add(code ?? 'unexpected', `${database}: ${reason ?? 'no reason was given'}`, about);
  }
  return [...found.values()].map((failure) => ({
    ...failure,
    what: failure.what.slice(0, FAILURE_CHARACTERS),
    ...aboutOf(abouts.get(failure.class) ?? []),
  }));
}

/** Databases that a title has room for. */
const NAMES_IN_TITLE = 3;

function aboutOf(names: readonly string[]): Pick<Failure, 'about'> {
  if (names.length === 0) return {};
  const shown = names.slice(0, NAMES_IN_TITLE).join(', ');
  const more = names.length - NAMES_IN_TITLE;
  return { about: more > 0 ? `${shown} and ${counted(more, 'other')}` : shown };
}

/** Time that a source has before anybody is told that it gives nothing: mostly that passes by itself. */
const SOURCE_PATIENCE_MS = 24 * 3_600_000;

/** Failure of all extras that were refused, or whose sources have failed for a day. It is none of the databases. */
function extrasFailure(
  { extras = {} }: CycleReport,
  { log, at }: { log: readonly string[]; at: Date },
): Failure | undefined {
  const due = Object.entries(extras).filter(([, one]) => {
    const failing = at.getTime() - Date.parse(one.since ?? '');
    return isFailing(one) && !(one.outcome === 'failed' && failing < SOURCE_PATIENCE_MS);
  });
  const [first] = due;
  if (first === undefined) return undefined;
  const what = due.map(([name, { reason }]) => `${name}: ${reason ?? 'no reason was given'}`).join('; ');
  const code = first[1].code ?? 'unexpected';
  return { class: 'extras', code, what: what.slice(0, FAILURE_CHARACTERS), log: [...log] };
}

function isFailing({ outcome }: Pick<ExtraReport, 'outcome'>): boolean {
  return outcome === 'refused' || outcome === 'failed';
}

/** Classes that a cycle shows to be well: all that come before its first failure. */
function recoveredBy(
  { databases, extras = {} }: CycleReport,
  failures: readonly Failure[],
  isReadBack: boolean,
): FailureClass[] {
  if (Object.values(databases).some(({ outcome }) => outcome === 'proven')) return []; // a dry run mends nothing
  const first = Math.min(ORDER.length, ...failures.map((failure) => ORDER.indexOf(failure.class)));
  const before = ORDER.slice(0, first).filter((kind) => kind !== 'host' || isReadBack);
  return Object.values(extras).some(isFailing) ? before : [...before, 'extras'];
}
