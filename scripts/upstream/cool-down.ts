import { CLOCK_TOLERANCE_MS } from '../base/clock.ts';
import { COOL_DOWN_MS, UNTOLD_COOL_DOWN_MS } from '../base/limits/upstream.ts';
import { refusalAdvice } from '../http/proxy-refusal.ts';
import { UpstreamError, type UpstreamErrorCode } from './error.ts';
import { type Refused, wordsOf } from './refused-answer.ts';
import { Turns } from './turns.ts';

/** Time until which an upstream is not asked, and the reason. */
export interface CoolDown {
  /** ISO time. */
  readonly until: string;
  readonly reason: string;
  /** ISO time. */
  readonly since?: string | undefined;
  /** Refusal that began the cool-down, in upstream's words. */
  readonly refused?: Omit<Refused, 'proxy'> | undefined;
}

/** Loads and saves the cool-down, which has to outlive the run (field-notes.md, defects 4 and 14). */
export interface CoolDownMemory {
  load(): CoolDown | undefined;
  save(coolDown: CoolDown): Promise<void>;
  /** Cool-down that the user wants to end by asking once more. */
  readonly setAside?: CoolDown | undefined;
  /** True if this upstream is not known to have given this mirror anything yet. */
  readonly isStranger?: boolean;
  /** Remembers that upstream gave something, so the cool-down that was set aside is over. */
  answered?(): Promise<void>;
}

/** Memory that forgets, for a command that asks too little for a cool-down to outlive its run. */
export const NO_COOL_DOWN: CoolDownMemory = { load: () => undefined, save: async () => {} };

/** Permission to ask upstream once. Its holder reports the answer, and disposes of it. */
export interface Turn extends Disposable {
  /** Reports that upstream gave the file. */
  good(): Promise<void>;
  /** Reports a 403 or 429 from upstream or a proxy. Returns the error to throw. */
  refused(refused: Refused & { readonly status: 403 | 429 }, retryAfter?: string): Promise<UpstreamError>;
}

/**
 * Guards one upstream: once it said "too many requests" or "no", nothing is asked until the cool-down is over. Until
 * upstream has answered, one request is made at a time, so a refusal costs one request and not one for each database.
 */
export class CoolDownGuard {
  readonly #memory: CoolDownMemory;
  readonly #now: () => Date;
  readonly #isOwn: boolean;
  readonly #turns = new Turns();
  #isAnswered = false;
  /** Requests that got 403 and wait for the answers to others. */
  #undecided: (() => void)[] = [];

  /** `isOwn`: the upstream is ClamAV's own, whose 403 is never about one file. */
  constructor(memory: CoolDownMemory, now: () => Date, { isOwn = true } = {}) {
    this.#memory = memory;
    this.#now = now;
    this.#isOwn = isOwn;
  }

  /** Cool-down that would be on, had the user not asked to end it. */
  get setAside(): CoolDown | undefined {
    return this.#ifOn(this.#memory.setAside);
  }

  /** Throws `upstream/cool-down` while one is on. */
  requireNone(): void {
    const current = this.#ifOn(this.#memory.load());
    if (current !== undefined) throw this.#error(current);
  }

  /** Waits for the permission to ask. Throws `upstream/cool-down` while one is on. */
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
        if (!isRefused) this.#turns.open(); // no refusal: nobody is blocked
        pass();
        if (!isRefused || !this.#turns.isBusy) this.#decide();
      },
    };
  }

  /**
   * True if a proxy on our side refused. A mirror may have a proxy of its own in front, so once it has answered, a
   * refusal that could come from that proxy counts as the mirror's.
   */
  #isByProxy({ proxy }: Refused): boolean {
    return proxy !== undefined && (proxy.isSure || !this.#isAnswered);
  }

  /**
   * True if a 403 means a missing file. A bucket says so to those who may not list it, and does so for certain once
   * the host has given another file. Before that, waiting requests go ahead, and their answers decide.
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

  /** Starts a cool-down, unless one is on that lasts as long: of several refusals the first is reported. */
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

  /** Returns a cool-down that is on. One that ends later than any can was made while the clock was wrong. */
  #ifOn(coolDown: CoolDown | undefined): CoolDown | undefined {
    const left = Date.parse(coolDown?.until ?? '') - this.#now().getTime();
    return left > 0 && left <= COOL_DOWN_MS.longest + CLOCK_TOLERANCE_MS ? coolDown : undefined;
  }

  #error(coolDown: CoolDown): UpstreamError {
    const isUnknown = this.#isOwn && this.#memory.isStranger === true && coolDown.refused?.status === 403;
    return coolDownError(coolDown, isUnknown ? UNKNOWN : this.#isOwn ? OWN : OTHERS);
  }
}

/** Milliseconds of a Retry-After, in seconds or an HTTP date, within `COOL_DOWN_MS`. */
export function retryAfterWait(retryAfter: string | undefined, now: Date): number | undefined {
  if (retryAfter === undefined) return undefined;
  const text = retryAfter.trim();
  const wait = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : httpDate(text) - now.getTime();
  return Number.isNaN(wait)
    ? undefined
    : Math.min(Math.max(wait, COOL_DOWN_MS.shortest), COOL_DOWN_MS.longest);
}

/** Time of an HTTP date, which ends with GMT. `Date.parse` alone would find a date in almost anything. */
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

/** Error for the refusal of a proxy, which says nothing about upstream. */
export function proxyError(refused: Refused, code: UpstreamErrorCode = 'upstream/proxy'): UpstreamError {
  const what = `a proxy on the way to upstream (${refused.proxy?.name}) ${wordsOf(refused)}`;
  return new UpstreamError(code, what, {
    advice: refusalAdvice(refused),
  });
}

function missing({ file, status }: Refused): UpstreamError {
  const what = `upstream has no ${file}: it answers ${status}, as a bucket does that may not be listed`;
  return new UpstreamError('upstream/missing', what);
}
