import { createHash } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { CLOCK_TOLERANCE_MS, liesAhead } from '../base/clock.ts';
import {
  EXTRA_CHARACTERS,
  EXTRA_EARLY_MS,
  EXTRA_FAILURES,
  EXTRA_MEMORY_BYTES,
  EXTRA_PAUSE_MS,
} from '../base/limits/extras.ts';
import { EXTRAS } from '../base/limits/manifest.ts';
import { printable } from '../base/printable.ts';
import { byName } from '../base/schema.ts';
import { isExtraName } from '../cvd/extra-names.ts';
import { replaceFile } from '../files/atomic.ts';
import { readNote } from '../files/open.ts';
import type { ExtraSource } from './extra.ts';

/** In the work folder: what is known of the sources. */
export const EXTRA_MEMORY = 'extra-sources.json';

const Time = v.pipe(v.string(), v.isoTimestamp());
const Sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const Words = (length: number) =>
  v.pipe(
    v.string(),
    v.transform((text) => printable(text).slice(0, length)),
  );
const Validator = v.pipe(v.string(), v.maxLength(EXTRA_CHARACTERS.validator), v.regex(/^[\x20-\x7e]+$/));

const FailureSchema = v.object({
  code: v.pipe(v.string(), v.regex(/^extra\/[a-z-]+$/), v.maxLength(EXTRA_CHARACTERS.code)),
  reason: Words(EXTRA_CHARACTERS.reason),
  /** Time of the first of these failures in a row. */
  since: Time,
  /** Time from which the source is asked again. */
  until: Time,
  times: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(EXTRA_FAILURES)),
});

const KnownSchema = v.object({
  /** Digest of the source as settings have it: another source is not known. */
  of: Sha256,
  /** Time at which it was last asked. */
  asked: v.optional(Time),
  /** SHA-256 of what it last gave, if that was in order, and the validators of that. */
  sha256: v.optional(Sha256),
  etag: v.optional(Validator),
  lastModified: v.optional(Validator),
  failure: v.optional(FailureSchema),
});
const MemorySchema = byName(v.pipe(v.string(), v.check(isExtraName)), KnownSchema, EXTRAS);

export type Failure = v.InferOutput<typeof FailureSchema>;
export type Known = v.InferOutput<typeof KnownSchema>;

/** What runs remember of the sources of extras, by name. It may come from a cache, and delays nothing for long. */
export class ExtrasMemory {
  readonly #path: string;
  #known: Readonly<Record<string, Known>>;
  #saved: Promise<void> = Promise.resolve();

  private constructor(path: string, known: Readonly<Record<string, Known>>) {
    this.#path = path;
    this.#known = known;
  }

  /** Loads what is known of these sources. What cannot be understood, or is about other sources, is none. */
  static async load(work: string, sources: readonly ExtraSource[], now: Date): Promise<ExtrasMemory> {
    const path = join(work, EXTRA_MEMORY);
    const parsed = v.safeParse(MemorySchema, await readNote(path, EXTRA_MEMORY_BYTES));
    const all = parsed.success ? parsed.output : {};
    const known = sources.flatMap((source) => {
      const one = Object.hasOwn(all, source.name) ? all[source.name] : undefined;
      return one === undefined || one.of !== digestOf(source)
        ? []
        : [[source.name, plausible(one, now)] as const];
    });
    return new ExtrasMemory(path, Object.fromEntries(known));
  }

  of(name: string): Known | undefined {
    return Object.hasOwn(this.#known, name) ? this.#known[name] : undefined;
  }

  /** Remembers what came of asking a source. One after the other, so that the last one to be written is the last one. */
  async set(source: ExtraSource, known: Omit<Known, 'of'>): Promise<void> {
    this.#known = { ...this.#known, [source.name]: { of: digestOf(source), ...known } };
    const write = () => replaceFile(this.#path, `${JSON.stringify(this.#known, undefined, 2)}\n`);
    this.#saved = this.#saved.then(write, write);
    await this.#saved;
  }
}

/** True if a source may be asked now. */
export function isDue({ interval }: ExtraSource, known: Known | undefined, now: Date): boolean {
  const { failure, asked } = known ?? {};
  if (failure !== undefined) return Date.parse(failure.until) <= now.getTime();
  return asked === undefined || Date.parse(asked) + interval - EXTRA_EARLY_MS <= now.getTime();
}

/** The failure after an earlier one, with a longer pause. `wait`: milliseconds that the source asks for. */
export function nextFailure(
  earlier: Failure | undefined,
  { code, reason, wait = 0 }: { readonly code: string; readonly reason: string; readonly wait?: number },
  now: Date,
): Failure {
  const times = Math.min((earlier?.times ?? 0) + 1, EXTRA_FAILURES);
  const { denied, limited, longest } = EXTRA_PAUSE_MS;
  const first = code === 'extra/denied' ? denied : code === 'extra/limited' ? limited : EXTRA_PAUSE_MS.first;
  const pause = Math.min(Math.max(first * 2 ** (times - 1), wait), longest);
  return {
    code,
    reason: printable(reason).slice(0, EXTRA_CHARACTERS.reason),
    since: earlier?.since ?? now.toISOString(),
    until: new Date(now.getTime() + pause).toISOString(),
    times,
  };
}

/** A validator of a source, if it can be remembered. */
export function asValidator(text: string | undefined): string | undefined {
  return v.is(Validator, text) ? text : undefined;
}

function digestOf({ name, interval: _, maxSize: __, ...source }: ExtraSource): string {
  return createHash('sha256').update(JSON.stringify(source)).digest('hex');
}

/** Leaves out times that lie ahead, or further than any of ours: a wrong clock made them, or a stranger. */
function plausible({ asked, failure, ...known }: Known, now: Date): Known {
  const latest = now.getTime() + EXTRA_PAUSE_MS.longest + CLOCK_TOLERANCE_MS;
  const isSound =
    failure !== undefined && !liesAhead(failure.since, now) && Date.parse(failure.until) <= latest;
  return {
    ...known,
    ...(asked !== undefined && !liesAhead(asked, now) && { asked }),
    ...(isSound && { failure }),
  };
}
