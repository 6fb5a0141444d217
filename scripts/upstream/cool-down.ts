import { CLOCK_TOLERANCE_MS } from '../base/clock.ts';
import { COOL_DOWN_MS, UNTOLD_COOL_DOWN_MS } from '../base/limits/upstream.ts';
import { UpstreamError, type UpstreamErrorCode } from './error.ts';
import { type Refused, wordsOf } from './refused-answer.ts';
import { Turns } from './turns.ts';

/** Until when nothing is asked of an upstream, and why. */
export interface CoolDown {
  /** ISO time. */
  readonly until: string;
  readonly reason: string;
  /** ISO time. */
  readonly since?: string | undefined;
  /** What was refused, as upstream said it. */
  readonly refused?: Omit<Refused, 'proxy'> | undefined;
}

/** Reads and keeps the cool-down, so that it outlives the run (field-notes.md, defects 4 and 14). */
export interface CoolDownMemory {
  load(): CoolDown | undefined;
  save(coolDown: CoolDown): Promise<void>;
  /** One that somebody wants to be ended by asking once more. */
  readonly setAside?: CoolDown | undefined;
  /** Whether this upstream is not known to have given this mirror anything yet. */
  readonly isStranger?: boolean;
  /** Remembers that upstream gave something: what was set aside is over. */
  answered?(): Promise<void>;
}

/** No memory at all: for one who asks so little that no cool-down need outlive the run. */
export const NO_COOL_DOWN: CoolDownMemory = { load: () => undefined, save: async () => {} };

/** The leave to ask upstream once; whoever has it says what came of it, and gives it back. */
export interface Turn extends Disposable {
  /** Upstream gave what was asked for. */
  good(): Promise<void>;
  /** Upstream, or somebody on the way, said 403 or 429; returns the error to throw. */
  refused(refused: Refused & { readonly status: 403 | 429 }, retryAfter?: string): Promise<UpstreamError>;
}

/**
 * The politeness towards one upstream: once it said "too much" or "no", nothing more is asked until then. Until upstream
 * has answered, one asks at a time, so that a refusal is met by one request and not by one for each database.
 */
export class CoolDownGuard {
  readonly #memory: CoolDownMemory;
  readonly #now: () => Date;
  readonly #isOwn: boolean;
  readonly #turns = new Turns();
  #isAnswered = false;
  /** Those who were told 403 and wait for what others are told. */
  #undecided: (() => void)[] = [];

  /** `isOwn`: the upstream is ClamAV's own, where a 403 is never about one file. */
  constructor(memory: CoolDownMemory, now: () => Date, { isOwn = true } = {}) {
    this.#memory = memory;
    this.#now = now;
    this.#isOwn = isOwn;
  }

  /** A cool-down that would be on, had nobody asked to end it. */
  get setAside(): CoolDown | undefined {
    return this.#ifOn(this.#memory.setAside);
  }

  /** Throws `upstream/cool-down` while one is on. */
  requireNone(): void {
    const current = this.#ifOn(this.#memory.load());
    if (current !== undefined) throw this.#error(current);
  }

  /** Waits for the leave to ask. Throws `upstream/cool-down` while one is on. */
  async turn(): Promise<Turn> {
    this.requireNone();
    const pass = await this.#turns.next();
    try {
      this.requireNone();
    } catch (error) {
      pass();
      throw error;
    }
    let isRefused = false;
    return {
      good: async () => {
        const isFirst = !this.#isAnswered;
        this.#isAnswered = true;
        this.#turns.open();
        this.#decide();
        if (isFirst) await this.#memory.answered?.();
      },
      refused: async (refused, retryAfter) => {
        isRefused = true;
        if (this.#isByProxy(refused)) return proxyError(refused);
        if (refused.status === 403 && !this.#isOwn && (await this.#isAboutOneFile(pass)))
          return missing(refused);
        return await this.#start(refused, retryAfter);
      },
      [Symbol.dispose]: () => {
        if (!isRefused) this.#turns.open(); // no answer, or another one: nobody is blocked
        pass();
        if (!isRefused || !this.#turns.isBusy) this.#decide();
      },
    };
  }

  /** A host of somebody else's may have a proxy of its own in front: there, what it may have said itself is taken for its word. */
  #isByProxy({ proxy }: Refused): boolean {
    return proxy !== undefined && (proxy.isSure || !this.#isAnswered);
  }

  /**
   * A bucket says 403 for what it lacks, to whoever may not list it. So it means that, once the host gave something else;
   * before that, those who wait are let through to see what they are told.
   */
  async #isAboutOneFile(pass: () => void): Promise<boolean> {
    if (!this.#isAnswered && this.#turns.isAwaited) {
      const decided = new Promise<void>((resolve) => this.#undecided.push(resolve));
      pass();
      await decided;
    }
    return this.#isAnswered;
  }

  #decide(): void {
    const undecided = this.#undecided;
    this.#undecided = [];
    for (const resolve of undecided) resolve();
  }

  /** Starts a cool-down, unless one is on that lasts as long: the first refusal of several is the one that is told. */
  async #start(
    { proxy: _, ...refused }: Refused & { readonly status: 403 | 429 },
    retryAfter: string | undefined,
  ): Promise<UpstreamError> {
    const now = this.#now();
    const { status } = refused;
    const wait =
      (status === 429 ? retryAfterWait(retryAfter, now) : undefined) ?? UNTOLD_COOL_DOWN_MS[status];
    const current = this.#ifOn(this.#memory.load());
    if (current !== undefined && Date.parse(current.until) > now.getTime() + wait - COOL_DOWN_MS.shortest)
      return this.#error(current);
    const until = new Date(now.getTime() + wait).toISOString();
    const coolDown = { until, reason: `it ${wordsOf(refused)}`, since: now.toISOString(), refused };
    await this.#memory.save(coolDown);
    this.#decide();
    return this.#error(coolDown);
  }

  /** One that lies further ahead than any can was made while the clock was wrong. */
  #ifOn(coolDown: CoolDown | undefined): CoolDown | undefined {
    const left = Date.parse(coolDown?.until ?? '') - this.#now().getTime();
    return left > 0 && left <= COOL_DOWN_MS.longest + CLOCK_TOLERANCE_MS ? coolDown : undefined;
  }

  #error(coolDown: CoolDown): UpstreamError {
    const isUnknown = this.#isOwn && this.#memory.isStranger === true && coolDown.refused?.status === 403;
    return coolDownError(coolDown, isUnknown ? UNKNOWN : this.#isOwn ? OWN : OTHERS);
  }
}

/** Milliseconds to wait for a Retry-After of seconds or an HTTP date, between a floor and a cap. */
export function retryAfterWait(retryAfter: string | undefined, now: Date): number | undefined {
  if (retryAfter === undefined) return undefined;
  const text = retryAfter.trim();
  const wait = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : httpDate(text) - now.getTime();
  return Number.isNaN(wait)
    ? undefined
    : Math.min(Math.max(wait, COOL_DOWN_MS.shortest), COOL_DOWN_MS.longest);
}

/** `Date.parse` finds a date in almost anything; an HTTP date ends with GMT. */
function httpDate(text: string): number {
  return /^[A-Z][a-z]+, .* GMT$/.test(text) ? Date.parse(text) : Number.NaN;
}

const OTHERS = 'The first run after that time tries again, and --retry asks once more before';
const OWN = `${OTHERS}. If it is not over then, tell the ClamAV team: they ask for the cf-ray`;
const UNKNOWN =
  'These servers have never answered this mirror. They let in by User-Agent and address: ours has the form of ' +
  "cvdupdate's, and --user-agent names another one; --retry asks once more. From another network it may work; else tell " +
  'the ClamAV team, who ask for the cf-ray';

function coolDownError({ until, since, reason }: CoolDown, advice: string): UpstreamError {
  const at = since === undefined ? '' : ` at ${since}`;
  const what = `upstream is left alone until ${until}, because ${reason}${at}`;
  return new UpstreamError('upstream/cool-down', what, { advice });
}

/** The error for a proxy's no, which says nothing about upstream. */
export function proxyError(refused: Refused, code: UpstreamErrorCode = 'upstream/proxy'): UpstreamError {
  const what = `a proxy on the way to upstream (${refused.proxy?.name}) ${wordsOf(refused)}`;
  return new UpstreamError(code, what, {
    advice: 'Look at what it permits and reaches, or go another way: HTTPS_PROXY, HTTP_PROXY, NO_PROXY',
  });
}

function missing({ file, status }: Refused): UpstreamError {
  const what = `upstream has no ${file}: it answers ${status}, as a bucket does that may not be listed`;
  return new UpstreamError('upstream/missing', what);
}
