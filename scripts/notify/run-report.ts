import * as v from 'valibot';

/** What can be wrong with a mirror, as its operator would sort it: one open issue for each. */
export const FAILURE_CLASSES = [
  'upstream',
  'integrity',
  'engine',
  'proof',
  'publication',
  'host',
  'stale',
  'configuration',
] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

const Class = v.picklist(FAILURE_CLASSES);
const Versions = v.record(v.string(), v.pipe(v.number(), v.safeInteger()));
const Time = v.pipe(v.string(), v.isoTimestamp());

/** Words of a title of ours: names of databases and versions, and nothing that could be anything else. */
export const About = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_]+(?:,? [A-Za-z0-9_]+)*$/), v.maxLength(120));

const FailureSchema = v.object({
  class: Class,
  /** Of the error. */
  code: v.string(),
  what: v.string(),
  advice: v.optional(v.string()),
  /** Which databases and versions it is about, for a title: `daily 28001, main 64`. */
  about: v.optional(v.fallback(v.optional(About), undefined)),
  /** The last lines of the log. */
  log: v.array(v.string()),
});

const RunReportSchema = v.object({
  /** At most one of each class. */
  failures: v.array(FailureSchema),
  /** What this run showed to be well. */
  recovered: v.array(Class),
  /** What clients get now; `null`: not known. */
  serving: v.nullable(
    v.object({ versions: Versions, checked: Time, published: Time, url: v.optional(v.string()) }),
  ),
  /** Versions that upstream offers, as far as they are known. */
  upstream: Versions,
  /** When the run ended. */
  at: Time,
});

export type Failure = v.InferOutput<typeof FailureSchema>;
/** What one run tells those who are to be notified; it travels from job to job as JSON. */
export type RunReport = v.InferOutput<typeof RunReportSchema>;

/** Parses what another job handed on; `undefined` if it is no report: that job ended before it could make one. */
export function parseRunReport(text: string): RunReport | undefined {
  try {
    const parsed = v.safeParse(RunReportSchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}
