import * as v from 'valibot';
import { liesAhead } from '../base/clock.ts';
import { parseJson } from '../base/json.ts';
import { MANIFEST_DATABASES, MANIFEST_NUMBER, WORDS_CHARACTERS } from '../base/limits/manifest.ts';
import {
  HISTORY_BYTES,
  HISTORY_CHANGES,
  HISTORY_CODE_CHARACTERS,
  HISTORY_CYCLES,
  HISTORY_DAYS,
  HISTORY_EVENTS,
} from '../base/limits/page.ts';
import { byName, isByName } from '../base/schema.ts';
import { VERSION } from '../base/version.ts';
import { DatabaseName } from '../mirror/manifest.ts';
import { Time } from '../store/file-record.ts';
import { EventSchema, type MirrorEvent } from './feed/events.ts';
import { type FeedIdentity, IdentitySchema } from './feed/identity.ts';

/** Format of the histories that this program writes. A reader ignores fields that it does not know. */
const SCHEMA = 1;

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MANIFEST_NUMBER));
const Bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Seconds = v.pipe(v.number(), v.minValue(0), v.maxValue(MANIFEST_NUMBER));
const Code = v.pipe(v.string(), v.maxLength(HISTORY_CODE_CHARACTERS));
const Address = v.pipe(v.string(), v.maxLength(WORDS_CHARACTERS), v.regex(/^https?:\/\/[^\s@]+$/));
const Outcome = v.picklist(['published', 'proven', 'unchanged', 'refused', 'failed']);
const How = v.picklist(['adopted', 'downloaded', 'rebuilt', 'rolled back', 'unchanged']);

const CycleSchema = v.object({
  /** Time of its start, which tells one cycle from another. */
  at: Time,
  outcome: Outcome,
  /** Seconds until it wrote this. */
  seconds: Seconds,
  /** Seconds of its proof, if it proved anything. */
  proofSeconds: v.optional(Seconds),
  /** Bytes of bodies that it took from upstream. */
  upstreamBytes: Bytes,
  /** Bytes that its new databases would have taken as whole downloads. */
  wholeBytes: Bytes,
  /** Error codes of the databases that were refused or failed. */
  problems: byName(DatabaseName, Code, MANIFEST_DATABASES),
  /** Error code of what ended it as a whole. */
  error: v.optional(Code),
});

const DayDatabaseSchema = v.object({
  version: Count,
  signatures: Count,
  size: Bytes,
  /** Seconds from its build to its publication; absent on a day on which it was not published. */
  age: v.optional(Seconds),
});

const DaySchema = v.object({
  /** Date in UTC. */
  day: v.pipe(v.string(), v.isoDate()),
  cycles: Count,
  published: Count,
  refused: Count,
  failed: Count,
  /** Seconds of its longest cycle, and of its longest proof. */
  seconds: Seconds,
  proofSeconds: v.optional(Seconds),
  upstreamBytes: Bytes,
  wholeBytes: Bytes,
  /** Databases at its end. */
  databases: byName(DatabaseName, DayDatabaseSchema, MANIFEST_DATABASES),
});

const ChangeSchema = v.object({
  at: Time,
  /** Start of the cycle that brought it; none brings a rollback. */
  cycle: v.optional(Time),
  /** There until its cycle has ended: readers of the feeds are told only of what that did not take back. */
  isPending: v.optional(v.literal(true)),
  database: DatabaseName,
  from: v.nullable(Count),
  to: Count,
  how: How,
  upstreamBytes: Bytes,
  /** Of the new version: how many signatures it has, and bytes of its CVD. */
  signatures: v.optional(Count),
  size: v.optional(Bytes),
  /** Lines that came and went with it, over so many steps from one version to the next, if that is known. */
  lines: v.optional(v.object({ added: Count, removed: Count, exchanged: Count, steps: Count })),
  /** Reason of a rollback. */
  reason: v.optional(v.pipe(v.string(), v.maxLength(WORDS_CHARACTERS))),
});

/** Origin of a published version. */
const ObtainedSchema = v.object({ version: Count, at: Time, how: How, upstreamBytes: Bytes });

export type PastCycle = v.InferOutput<typeof CycleSchema>;
export type PastDay = v.InferOutput<typeof DaySchema>;
export type Change = v.InferOutput<typeof ChangeSchema>;
export type Obtained = v.InferOutput<typeof ObtainedSchema>;

/** What earlier cycles did, oldest first. */
export interface History {
  readonly cycles: readonly PastCycle[];
  readonly days: readonly PastDay[];
  readonly changes: readonly Change[];
  /** Refusals and the like. */
  readonly events: readonly MirrorEvent[];
  /** By database. */
  readonly obtained: Readonly<Record<string, Obtained>>;
  /** URL at which clients find the mirror, as the last cycle knew it. */
  readonly publicUrl?: string;
  /** Identity of its feeds. */
  readonly feed?: FeedIdentity;
}

export const NO_HISTORY: History = { cycles: [], days: [], changes: [], events: [], obtained: {} };

/**
 * Parses `history.json` of a store. It decides nothing, so what cannot be understood, or lies ahead, is left out, and a
 * mirror without one has none.
 */
export function parseHistory(text: string | undefined, now: Date): History {
  const parsed = v.safeParse(FrameSchema, jsonOf(text));
  if (!parsed.success) return NO_HISTORY;
  const { cycles, days, changes, events, obtained, publicUrl } = parsed.output;
  const url = v.safeParse(Address, publicUrl);
  const feed = v.safeParse(IdentitySchema, parsed.output.feed);
  const isPast = ({ at }: { readonly at: string }) => !liesAhead(at, now);
  const known = isByName(obtained) ? Object.entries(obtained).slice(0, MANIFEST_DATABASES) : [];
  return {
    cycles: eachOf(CycleSchema, cycles).filter(isPast).slice(-HISTORY_CYCLES),
    days: eachOf(DaySchema, days)
      .filter(({ day }) => day <= dayOf(now))
      .slice(-HISTORY_DAYS),
    changes: eachOf(ChangeSchema, changes).filter(isPast).slice(-HISTORY_CHANGES),
    events: eachOf(EventSchema, events).filter(isPast).slice(-HISTORY_EVENTS),
    obtained: Object.fromEntries(
      known.flatMap(([name, entry]) => {
        const one = v.safeParse(ObtainedSchema, entry);
        return v.is(DatabaseName, name) && one.success ? [[name, one.output] as const] : [];
      }),
    ),
    ...(url.success && { publicUrl: url.output }),
    ...(feed.success && { feed: feed.output }),
  };
}

/** Text of `history.json`. */
export function historyJson({ cycles, days, changes, events, obtained, publicUrl, feed }: History): string {
  const lines = (entries: readonly unknown[]) => entries.map((one) => `\n    ${JSON.stringify(one)}`).join();
  return [
    '{',
    `  "generator": ${JSON.stringify(`clamav-mirror/${VERSION}`)},`,
    `  "schema": ${SCHEMA},`,
    ...(publicUrl === undefined ? [] : [`  "publicUrl": ${JSON.stringify(publicUrl)},`]),
    ...(feed === undefined ? [] : [`  "feed": ${JSON.stringify(feed)},`]),
    `  "cycles": [${lines(cycles)}],`,
    `  "days": [${lines(days)}],`,
    `  "changes": [${lines(changes)}],`,
    `  "events": [${lines(events)}],`,
    `  "obtained": ${JSON.stringify(obtained)}`,
    '}\n',
  ].join('\n');
}

/** Date of a time in UTC. */
export function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}

const FrameSchema = v.object({
  cycles: v.optional(v.array(v.unknown()), []),
  days: v.optional(v.array(v.unknown()), []),
  changes: v.optional(v.array(v.unknown()), []),
  events: v.optional(v.array(v.unknown()), []),
  feed: v.optional(v.unknown()),
  obtained: v.optional(v.unknown()),
  publicUrl: v.optional(v.unknown()),
});

function jsonOf(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return parseJson(text, HISTORY_BYTES);
  } catch {
    return undefined; // RangeError or SyntaxError
  }
}

/** Entries that have this form. */
function eachOf<T>(schema: v.GenericSchema<unknown, T>, entries: readonly unknown[]): T[] {
  return entries.flatMap((entry) => {
    const parsed = v.safeParse(schema, entry);
    return parsed.success ? [parsed.output] : [];
  });
}
