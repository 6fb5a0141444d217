import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import { CLOCK_TOLERANCE_MS, isWithin } from '../../base/clock.ts';
import { CACHED_MS, QUARANTINE_MS, STATE_BYTES, STATE_CHARACTERS } from '../../base/limits/machine.ts';
import { printable } from '../../base/printable.ts';
import { replaceFile } from '../../files/atomic.ts';
import { readNote } from '../../files/open.ts';
import type { CoolDown, CoolDownMemory } from '../../upstream/cool-down.ts';
import { type Doubt, type DoubtMemory, DoubtSchema } from './doubts.ts';
import { knownRun, type LastRun } from './last-run.ts';
import { type Wait, type WaitMemory, WaitSchema } from './retirement.ts';
import { CACHED_STATE_FILE, STATE_FILE } from './state-files.ts';
import { AtUpstreams } from './tried.ts';

const Time = v.pipe(v.string(), v.isoTimestamp());
const Reason = v.pipe(
  v.string(),
  v.transform((text) => printable(text).slice(0, STATE_CHARACTERS.reason)),
);
/** Words of an answer that refused: a name, and upstream's own text. */
const Words = v.pipe(
  v.string(),
  v.transform((text) => printable(text).slice(0, STATE_CHARACTERS.cachedReason)),
);
const Cached = v.optional(v.literal(true));
const CoolDownSchema = v.object({
  until: Time,
  reason: Reason,
  since: v.optional(Time),
  /** Answer by which upstream refused. */
  refused: v.optional(
    v.object({
      status: v.pipe(v.number(), v.integer(), v.minValue(400), v.maxValue(599)),
      file: Words,
      ray: v.optional(Words),
      title: v.optional(Words),
    }),
  ),
  /** It came from a cache: whoever asks by hand is not kept waiting by it. */
  cached: Cached,
});
/** Time at which an upstream first gave this mirror anything. */
const AnsweredSchema = v.object({ since: Time });
/** A version of a database that was refused, and why. */
const QuarantineSchema = v.object({
  version: v.number(),
  /** MD5 of the CVD, as its header gives it: a version that upstream made anew is another one. */
  md5: v.pipe(v.string(), v.maxLength(32)),
  reason: Reason,
  code: v.pipe(v.string(), v.maxLength(STATE_CHARACTERS.code)),
  /** Time of its first refusal. */
  since: Time,
  /** Time from which it is tried again by itself; `null`: only when somebody asks for it. */
  until: v.nullable(Time),
  /** Engines and samples that refused it (`Prove.basis`), if they did: with others it is tried again. */
  basis: v.optional(v.pipe(v.string(), v.maxLength(64))),
  /** URLs of the upstreams whose files were refused; without them it holds for the version from anywhere. */
  upstreams: AtUpstreams,
  cached: Cached,
});
/** Identifier of this machine towards upstream, as freshclam and cvdupdate have one: made once, kept. */
const UuidSchema = v.pipe(v.string(), v.uuid());

export type KnownCoolDown = v.InferOutput<typeof CoolDownSchema>;
export type Quarantine = v.InferOutput<typeof QuarantineSchema>;

interface Content {
  readonly uuid: string;
  /** By upstream URL. */
  coolDowns: Readonly<Record<string, KnownCoolDown>>;
  /** By upstream URL. */
  answered: Readonly<Record<string, v.InferOutput<typeof AnsweredSchema>>>;
  /** By database. */
  quarantine: Readonly<Record<string, Quarantine>>;
  lastRun?: LastRun;
  /** Unusual versions that wait, by database. */
  waits: Readonly<Record<string, Wait>>;
  /** Versions of which upstream did not send the right files, by database. */
  doubts: Readonly<Record<string, Doubt>>;
}

/** Contents of a state, for readers that change nothing. */
export type Memory = Pick<Content, 'coolDowns' | 'quarantine' | 'lastRun'>;

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;

/**
 * Memory of one machine between runs. Losing it costs politeness, never safety. It is read part by part: an entry
 * that cannot be understood takes nothing else with it. It may come from a cache that somebody else wrote, so nothing in
 * that stops the mirror for long: a cool-down for an hour, a quarantine for a day, and neither of them one who asks by hand.
 */
export class State {
  readonly #path: string;
  readonly #content: Content;
  readonly #found: Content['coolDowns'];
  #saved: Promise<void> = Promise.resolve();

  private constructor(path: string, content: Content) {
    this.#path = path;
    this.#content = content;
    this.#found = content.coolDowns;
  }

  /** Reads the state in the work folder, else the one that came from a cache, else begins a new one. */
  static async load(workFolder: string, now = new Date()): Promise<State> {
    const path = join(workFolder, STATE_FILE);
    const cachedPath = join(workFolder, CACHED_STATE_FILE);
    const own = await readNote(path, STATE_BYTES);
    const found = own ?? bounded(understood(await readNote(cachedPath, STATE_BYTES), now), now);
    const content = understood(found, now);
    const state = new State(path, { ...content, uuid: content.uuid ?? randomUUID() });
    if (own === undefined || content.uuid === undefined) await state.#save();
    await rm(cachedPath, { force: true });
    return state;
  }

  /** Reads the state without a trace; that of a machine that never ran is empty. Throws if it cannot be read. */
  static async look(workFolder: string, now: Date): Promise<Memory> {
    return understood(await readNote(join(workFolder, STATE_FILE), STATE_BYTES), now);
  }

  get uuid(): string {
    return this.#content.uuid;
  }

  /** Remembers how a cycle went. */
  async setLastRun(lastRun: LastRun): Promise<void> {
    this.#content.lastRun = lastRun;
    await this.#save();
  }

  /**
   * `isAsked`: somebody asked for this run by hand. `isRetry`: upstream is to be asked once more, whatever an earlier run was
   * told. `isKnown`: something is published, so it has given something before.
   */
  coolDownOf(upstream: string, { isAsked = false, isRetry = false, isKnown = false } = {}): CoolDownMemory {
    const found = isRetry ? own(this.#found, upstream) : undefined;
    const current = () => own(this.#content.coolDowns, upstream);
    return {
      load: () => {
        const coolDown = current();
        return (isAsked && coolDown?.cached === true) || (isRetry && coolDown === found)
          ? undefined
          : coolDown;
      },
      save: async ({ until, reason, since, refused }: CoolDown) => {
        const coolDown = { until, reason, ...(since && { since }), ...(refused && { refused }) };
        this.#content.coolDowns = { ...this.#content.coolDowns, [upstream]: coolDown };
        await this.#save();
      },
      setAside: found,
      isStranger: !isKnown && own(this.#content.answered, upstream) === undefined,
      answered: async () => {
        const isOver = found !== undefined && current() === found;
        if (isOver) {
          const { [upstream]: _, ...others } = this.#content.coolDowns;
          this.#content.coolDowns = others;
        }
        const isNew = own(this.#content.answered, upstream) === undefined;
        const since = new Date().toISOString();
        if (isNew) this.#content.answered = { ...this.#content.answered, [upstream]: { since } };
        if (isNew || isOver) await this.#save();
      },
    };
  }

  /** The cool-down that an upstream asked for, be it on or over. */
  lastCoolDownOf(upstream: string): KnownCoolDown | undefined {
    return own(this.#content.coolDowns, upstream);
  }

  quarantineOf(database: string): Quarantine | undefined {
    return own(this.#content.quarantine, database);
  }

  /** Remembers a refused version, or, with `undefined`, forgets it. */
  async setQuarantine(database: string, quarantine: Quarantine | undefined): Promise<void> {
    if (quarantine === undefined && this.quarantineOf(database) === undefined) return;
    const { [database]: _, ...others } = this.#content.quarantine;
    this.#content.quarantine = quarantine === undefined ? others : { ...others, [database]: quarantine };
    await this.#save();
  }

  /** One from a cache counts as well: it takes nothing but time from what is genuine and must be proven in any case. */
  get waits(): WaitMemory {
    return this.#memory(
      () => this.#content.waits,
      (waits) => {
        this.#content.waits = waits;
      },
    );
  }

  get doubts(): DoubtMemory {
    return this.#memory(
      () => this.#content.doubts,
      (doubts) => {
        this.#content.doubts = doubts;
      },
    );
  }

  #memory<T>(
    all: () => Readonly<Record<string, T>>,
    replace: (entries: Readonly<Record<string, T>>) => void,
  ) {
    return {
      of: (database: string) => own(all(), database),
      set: async (database: string, entry: T | undefined) => {
        const { [database]: _, ...others } = all();
        if (entry === undefined && own(all(), database) === undefined) return;
        replace(entry === undefined ? others : { ...others, [database]: entry });
        await this.#save();
      },
    };
  }

  /** One after the other, so that the last one to be written is the last one. */
  async #save(): Promise<void> {
    const write = () => replaceFile(this.#path, `${JSON.stringify(this.#content, undefined, 2)}\n`);
    this.#saved = this.#saved.then(write, write);
    await this.#saved;
  }
}

/** As much of a state as can be understood and is plausible. */
function understood(json: unknown, now: Date): Partial<Content> & Omit<Content, 'uuid'> {
  const parts = v.safeParse(v.record(v.string(), v.unknown()), json);
  const { uuid, coolDowns, answered, quarantine, waits, doubts, lastRun } = parts.success ? parts.output : {};
  const known = v.safeParse(UuidSchema, uuid);
  const run = knownRun(lastRun, now);
  return {
    ...(known.success && { uuid: known.output }),
    ...(run && { lastRun: run }),
    coolDowns: eachOf(CoolDownSchema, coolDowns),
    answered: eachOf(AnsweredSchema, answered),
    quarantine: Object.fromEntries(
      Object.entries(eachOf(QuarantineSchema, quarantine)).filter(([, one]) => isPlausible(one, now)),
    ),
    waits: eachOf(WaitSchema, waits),
    doubts: eachOf(DoubtSchema, doubts),
  };
}

/** Keeps the entries that have this form. */
function eachOf<T>(schema: v.GenericSchema<unknown, T>, entries: unknown): Record<string, T> {
  const all = v.safeParse(v.record(v.string(), v.unknown()), entries);
  const known = Object.entries(all.success ? all.output : {}).flatMap(([name, entry]) => {
    const parsed = v.safeParse(schema, entry);
    return parsed.success ? [[name, parsed.output] as const] : [];
  });
  return Object.fromEntries(known);
}

/** One that began in the future, or is to last longer than any of ours, was not made by us, or by a wrong clock. */
function isPlausible({ since, until }: Quarantine, now: Date): boolean {
  const left = until === null ? 0 : Date.parse(until) - now.getTime();
  return isWithin(since, QUARANTINE_MS, now) && left <= DAY + CLOCK_TOLERANCE_MS;
}

/** A cache may be anybody's word: what it says is marked, short, and over soon. */
function bounded(content: ReturnType<typeof understood>, now: Date): unknown {
  const within = (until: string | null, limit: number) => {
    const latest = now.getTime() + limit;
    return new Date(Math.min(until === null ? latest : Date.parse(until), latest)).toISOString();
  };
  const marked = <T extends { readonly until: string | null; readonly reason: string }>(
    entries: Readonly<Record<string, T>>,
    limit: number,
  ) =>
    Object.entries(entries).map(([name, entry]) => {
      const { reason } = entry;
      const short = reason.startsWith(CACHE_SAYS) ? reason : `${CACHE_SAYS}${reason}`;
      return [
        name,
        {
          ...entry,
          until: within(entry.until, limit),
          reason: short.slice(0, STATE_CHARACTERS.cachedReason),
          cached: true,
        },
      ] as const;
    });
  const { lastRun: _, ...rest } = content; // of another machine
  return {
    ...rest,
    coolDowns: Object.fromEntries(marked(content.coolDowns, CACHED_MS.coolDown)),
    quarantine: Object.fromEntries(marked(content.quarantine, CACHED_MS.quarantine)),
    waits: content.waits,
    doubts: Object.fromEntries(marked(content.doubts, CACHED_MS.coolDown)),
  };
}

const CACHE_SAYS = 'by the cache of an earlier run, ';

function own<T>(entries: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(entries, name) ? entries[name] : undefined;
}
