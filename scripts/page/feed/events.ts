import * as v from 'valibot';
import { MANIFEST_NUMBER, WORDS_CHARACTERS } from '../../base/limits/manifest.ts';
import { HISTORY_CODE_CHARACTERS, HISTORY_EVENTS } from '../../base/limits/page.ts';
import type { Allowed } from '../../mirror/extras.ts';
import { DatabaseName, type Manifest } from '../../mirror/manifest.ts';
import { Time } from '../../store/file-record.ts';

const Version = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MANIFEST_NUMBER));
const Words = v.pipe(v.string(), v.maxLength(WORDS_CHARACTERS));

const RefusedSchema = v.object({
  kind: v.literal('refused'),
  at: Time,
  database: DatabaseName,
  /** `null`: upstream's answer did not say which one it is. */
  version: v.nullable(Version),
  /** The version that clients get instead. */
  served: v.nullable(Version),
  code: v.pipe(v.string(), v.maxLength(HISTORY_CODE_CHARACTERS)),
  /** Reason as everybody may read it. */
  what: Words,
});

const ReleasedSchema = v.object({
  kind: v.literal('released'),
  at: Time,
  database: DatabaseName,
  version: Version,
  /** Time since when it was pinned. */
  since: Time,
});

const AllowedSchema = v.object({
  kind: v.picklist(['allowed', 'disallowed']),
  at: Time,
  /** Name of what scanners are told to let pass. */
  what: Words,
  reason: Words,
  /** Time since when it is allowed, and until when, if that has an end. */
  since: Time,
  until: v.optional(Time),
  /** Origin of the entry: `command` or `file`. */
  from: v.optional(Words),
});

/** Something that happened to a mirror besides new versions, as its history remembers it. */
export const EventSchema = v.variant('kind', [RefusedSchema, ReleasedSchema, AllowedSchema]);

export type MirrorEvent = v.InferOutput<typeof EventSchema>;

/**
 * Adds events, each once: a version that is refused for the same reason in each cycle was refused once. One that could not
 * be read back would be new in each cycle, and is left out.
 */
export function withEvents(
  known: readonly MirrorEvent[],
  found: readonly MirrorEvent[],
): readonly MirrorEvent[] {
  const keys = new Set(known.map(keyOf));
  const news = found.filter((event) => {
    const key = keyOf(event);
    return !keys.has(key) && v.is(EventSchema, event) && keys.add(key);
  });
  return news.length === 0 ? known : [...known, ...news].slice(-HISTORY_EVENTS);
}

/**
 * Events between the allow lists of two manifests. The same entry, allowed at the same time, is the same one, whatever else
 * of it changed.
 */
export function allowListEvents(
  previous: AllowList | undefined,
  next: AllowList,
  now: Date,
): readonly MirrorEvent[] {
  const at = now.toISOString();
  const [before, after] = [previous?.extras?.allowed ?? [], next.extras?.allowed ?? []];
  const without = (some: readonly Allowed[], others: readonly Allowed[]) => {
    const keys = new Set(others.map(keyOfAllowed));
    return some.filter((one) => !keys.has(keyOfAllowed(one)));
  };
  return [
    ...without(before, after).map((one) => ({ kind: 'disallowed' as const, at, ...one })),
    ...without(after, before).map((one) => ({ kind: 'allowed' as const, at, ...one })),
  ];
}

type AllowList = Pick<Manifest, 'extras'>;

/** What tells an event from every other one of the same mirror; times of writing are no part of it. */
export function keyOf(event: MirrorEvent): string {
  if (event.kind === 'released') return JSON.stringify([event.kind, event.database, timeOf(event.since)]);
  if (event.kind !== 'refused') return JSON.stringify([event.kind, keyOfAllowed(event)]);
  const { kind, database, version, served, code } = event;
  // an unnamed version is told from later ones by what was served at that time
  return JSON.stringify([kind, database, version, version === null ? served : null, code]);
}

function keyOfAllowed({ what, since }: Pick<Allowed, 'what' | 'since'>): string {
  return JSON.stringify([what, timeOf(since)]);
}

/** The same moment is the same number, however it is written. */
function timeOf(time: string): number {
  return Date.parse(time);
}
