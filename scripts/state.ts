import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { codeOf } from './errors.ts';
import { replaceFile } from './files/atomic.ts';
import { readText } from './files/open.ts';
import type { CoolDown, CoolDownMemory } from './upstream/cool-down.ts';

const CoolDownSchema = v.object({ until: v.pipe(v.string(), v.isoTimestamp()), reason: v.string() });
/** A version of a database that was refused, and why. */
const QuarantineSchema = v.object({
  version: v.number(),
  /** Of the CVD, in its header: a version that upstream made anew is another one. */
  md5: v.string(),
  reason: v.string(),
  code: v.string(),
  /** When it was refused first. */
  since: v.pipe(v.string(), v.isoTimestamp()),
  /** When it is tried again by itself; `null`: when somebody asks for it. */
  until: v.nullable(v.pipe(v.string(), v.isoTimestamp())),
});
const StateSchema = v.object({
  /** Who we are towards upstream, as freshclam and cvdupdate do it: made once, kept. */
  uuid: v.pipe(v.string(), v.uuid()),
  /** By upstream URL. */
  coolDowns: v.record(v.string(), CoolDownSchema),
  /** By database. */
  quarantine: v.optional(v.record(v.string(), QuarantineSchema), {}),
});

export type Quarantine = v.InferOutput<typeof QuarantineSchema>;

const DAY = 24 * 60 * 60_000;
/** A refused version is tried again after so many milliseconds, should upstream still offer it. */
const LONGEST_QUARANTINE = 30 * DAY;

/**
 * What one machine remembers between runs. Losing it costs politeness, never safety. It may come from a cache that
 * somebody else wrote, so nothing in it stops the mirror for long: a quarantine ends, and a cool-down that lies too far
 * ahead is not obeyed (cool-down.ts).
 */
export class State {
  readonly #path: string;
  readonly #content: v.InferOutput<typeof StateSchema>;
  #saved: Promise<void> = Promise.resolve();

  private constructor(path: string, content: v.InferOutput<typeof StateSchema>) {
    this.#path = path;
    this.#content = content;
  }

  /** Reads `state.json` in the work folder; what cannot be understood is replaced by a new state. */
  static async load(workFolder: string, now = new Date()): Promise<State> {
    const path = join(workFolder, 'state.json');
    const parsed = v.safeParse(StateSchema, await readJson(path));
    if (parsed.success) {
      const quarantine = Object.entries(parsed.output.quarantine).filter(([, one]) => isPlausible(one, now));
      return new State(path, { ...parsed.output, quarantine: Object.fromEntries(quarantine) });
    }
    const state = new State(path, { uuid: randomUUID(), coolDowns: {}, quarantine: {} });
    await state.#save();
    return state;
  }

  get uuid(): string {
    return this.#content.uuid;
  }

  coolDownOf(upstream: string): CoolDownMemory {
    return {
      load: () => this.#content.coolDowns[upstream],
      save: async (coolDown: CoolDown) => {
        this.#content.coolDowns[upstream] = coolDown;
        await this.#save();
      },
    };
  }

  quarantineOf(database: string): Quarantine | undefined {
    return this.#content.quarantine[database];
  }

  /** Remembers a refused version, or, with `undefined`, forgets it. */
  async setQuarantine(database: string, quarantine: Quarantine | undefined): Promise<void> {
    if (quarantine === undefined && this.quarantineOf(database) === undefined) return;
    const { [database]: _, ...others } = this.#content.quarantine;
    this.#content.quarantine = quarantine === undefined ? others : { ...others, [database]: quarantine };
    await this.#save();
  }

  /** One after the other, so that the last one to be written is the last one. */
  async #save(): Promise<void> {
    const write = () => replaceFile(this.#path, `${JSON.stringify(this.#content, undefined, 2)}\n`);
    this.#saved = this.#saved.then(write, write);
    await this.#saved;
  }
}

/** Bytes: of a few hundred upstreams and databases it has a tenth. */
const STATE_LIMIT = 1024 * 1024;
/** What is wrong with a file that is replaced. */
const NO_STATE = ['ENOENT', 'file/too-large', 'file/not-regular'];

/** One that began in the future, or is to last longer than any of ours, was not made by us, or by a wrong clock. */
function isPlausible({ since, until }: Quarantine, now: Date): boolean {
  const age = now.getTime() - Date.parse(since);
  const left = until === null ? 0 : Date.parse(until) - now.getTime();
  return age >= 0 && age < LONGEST_QUARANTINE && left <= DAY;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readText(path, STATE_LIMIT));
  } catch (error) {
    if (error instanceof SyntaxError || NO_STATE.includes(codeOf(error) ?? '')) return undefined;
    throw error;
  }
}
