import * as v from 'valibot';
import { liesAhead } from '../../base/clock.ts';
import { EXTRAS, MANIFEST_DATABASES } from '../../base/limits/manifest.ts';
import { UPSTREAMS } from '../../base/limits/upstream.ts';
import { printable } from '../../base/printable.ts';
import { byName } from '../../base/schema.ts';
import { isExtraName } from '../../cvd/extra-names.ts';
import { DATABASE_NAME } from '../../cvd/names.ts';
import type { CycleReport } from '../report.ts';

/** Characters of a reason: it is printed. */
const REASON_LENGTH = 500;

const Reason = v.pipe(
  v.string(),
  v.transform((text) => printable(text).slice(0, REASON_LENGTH)),
);
const Code = v.pipe(v.string(), v.maxLength(40));
const Version = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Address = v.pipe(v.string(), v.maxLength(2000));
const Outcome = v.picklist(['published', 'proven', 'unchanged', 'refused', 'failed']);

const LastRunSchema = v.object({
  /** Time of its end. */
  at: v.pipe(v.string(), v.isoTimestamp()),
  outcome: Outcome,
  /** Seconds. */
  duration: v.pipe(v.number(), v.minValue(0), v.maxValue(1_000_000)),
  /** URL of the upstream that served it. */
  upstream: Address,
  /** URLs of all its upstreams in their order; absent from runs that had one. */
  upstreams: v.optional(v.pipe(v.array(Address), v.maxLength(UPSTREAMS))),
  /** All databases that it was to mirror. */
  mirrored: v.pipe(v.array(v.pipe(v.string(), v.regex(DATABASE_NAME))), v.maxLength(MANIFEST_DATABASES)),
  databases: v.pipe(
    v.custom<Record<string, unknown>>(
      (input) =>
        typeof input === 'object' && input !== null && Object.keys(input).length <= MANIFEST_DATABASES,
      'has more names than is plausible',
    ),
    v.record(
      v.pipe(v.string(), v.regex(DATABASE_NAME)),
      v.object({
        outcome: Outcome,
        /** The version that is published; `null`: none. */
        to: v.nullable(Version),
        /** The version that upstream offered, if it was another one. */
        offered: v.optional(Version),
        code: v.optional(Code),
        reason: v.optional(Reason),
      }),
    ),
  ),
  /** Extras that were refused or failed. */
  extras: v.optional(
    byName(
      v.pipe(v.string(), v.check(isExtraName)),
      v.object({ outcome: Outcome, code: v.optional(Code), reason: v.optional(Reason) }),
      EXTRAS,
    ),
  ),
  /** Error that ended the run as a whole. */
  error: v.optional(v.object({ code: Code, message: Reason })),
});

/** Summary of a machine's last cycle, for `status`. */
export type LastRun = v.InferOutput<typeof LastRunSchema>;

/** The part of a report that is kept. */
export function lastRunOf(
  report: CycleReport,
  {
    upstreams,
    databases: mirrored,
  }: { readonly upstreams: readonly string[]; readonly databases: readonly string[] },
  at: Date,
): LastRun {
  const { outcome, duration, databases, extras = {}, error } = report;
  const short = (text: string) => printable(text).slice(0, REASON_LENGTH);
  return {
    at: at.toISOString(),
    outcome,
    duration,
    upstream: Object.values(databases)[0]?.upstream ?? upstreams[0] ?? '',
    upstreams: [...upstreams],
    mirrored: [...mirrored],
    databases: Object.fromEntries(
      Object.entries(databases).map(([name, one]) => {
        const { code, reason, offered } = one;
        return [
          name,
          {
            outcome: one.outcome,
            to: one.to,
            ...(offered !== undefined && { offered }),
            ...(code !== undefined && { code }),
            ...(reason !== undefined && { reason: short(reason) }),
          },
        ];
      }),
    ),
    extras: Object.fromEntries(
      Object.entries(extras).flatMap(([name, { outcome, code, reason }]) => {
        if (outcome !== 'refused' && outcome !== 'failed') return [];
        return [[name, { outcome, code, ...(reason !== undefined && { reason: short(reason) }) }] as const];
      }),
    ),
    ...(error && { error: { code: error.code, message: short(error.message) } }),
  };
}

/** A report as it was written down; `undefined` for one that cannot be understood, or that lies ahead. */
export function knownRun(json: unknown, now: Date): LastRun | undefined {
  const parsed = v.safeParse(LastRunSchema, json);
  return parsed.success && !liesAhead(parsed.output.at, now) ? parsed.output : undefined;
}
