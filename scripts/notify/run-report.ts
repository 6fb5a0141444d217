import * as v from 'valibot';

/** Kinds of failure, as an operator would sort them. Each has at most one open issue. */
export const FAILURE_CLASSES = [
  'upstream',
  'integrity',
  'engine',
  'proof',
  'publication',
  'host',
  'stale',
  'configuration',
  'extras',
] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

const Class = v.picklist(FAILURE_CLASSES);
const Versions = v.record(v.string(), v.pipe(v.number(), v.safeInteger()));
const Time = v.pipe(v.string(), v.isoTimestamp());

/** Part of a title: names of databases and versions, and nothing else. */
export const About = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_]+(?:,? [A-Za-z0-9_]+)*$/), v.maxLength(120));

const FailureSchema = v.object({
  class: Class,
  /** Code of the error. */
  code: v.string(),
  what: v.string(),
  advice: v.optional(v.string()),
  /** Databases and versions that failed, for a title: `daily 28001, main 64`. */
  about: v.optional(v.fallback(v.optional(About), undefined)),
  /** The last lines of the log. */
  log: v.array(v.string()),
});

const RunReportSchema = v.object({
  /** At most one of each class. */
  failures: v.array(FailureSchema),
  /** Classes that this run showed to be well. */
  recovered: v.array(Class),
  /** Codes of failures of which this run could not find out if they are over. */
  undecided: v.optional(v.array(v.string())),
  /** Versions that clients get now; `null`: not known. */
  serving: v.nullable(
    v.object({ versions: Versions, checked: Time, published: Time, url: v.optional(v.string()) }),
  ),
  /** Versions that upstream offers, as far as known. */
  upstream: Versions,
  /** Time at which the run ended. */
  at: Time,
});

export type Failure = v.InferOutput<typeof FailureSchema>;
/** Result of one run for the notifier; it travels from job to job as JSON. */
export type RunReport = v.InferOutput<typeof RunReportSchema>;

/** True if a run as a whole failed. An extra that fails is told, and the run was a good one for the databases. */
export function hasFailed(failures: readonly Pick<Failure, 'class'>[]): boolean {
  return failures.some(({ class: failed }) => failed !== 'extras');
}

/**
 * Report of a run of several jobs, of which each knows a part. A class that one shows to be well has failed if another
 * says so. `undefined` without any report.
 */
export function together([first, ...others]: readonly RunReport[]): RunReport | undefined {
  return first && others.reduce(both, first);
}

function both(one: RunReport, other: RunReport): RunReport {
  const failures = [...one.failures];
  for (const failure of other.failures) {
    const at = failures.findIndex(({ class: known }) => known === failure.class);
    const known = failures[at];
    if (known === undefined) failures.push(failure);
    else failures[at] = { ...known, what: `${known.what} ${failure.what}` };
  }
  return {
    failures,
    recovered: [...new Set([...one.recovered, ...other.recovered])],
    undecided: [...(one.undecided ?? []), ...(other.undecided ?? [])],
    serving: one.serving ?? other.serving,
    upstream: { ...one.upstream, ...other.upstream },
    at: one.at,
  };
}

/** Parses the report of another job; `undefined` if it is none, because that job ended too early to write one. */
export function parseRunReport(text: string): RunReport | undefined {
  try {
    const parsed = v.safeParse(RunReportSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
