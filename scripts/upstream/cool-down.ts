import { CLOCK_TOLERANCE_MS } from '../clock.ts';
import { COOL_DOWN_MS } from '../limits/upstream.ts';
import { UpstreamError } from './error.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** What freshclam waits after a 429 without Retry-After, and after a 403 (clamav-formats.md §6). */
const DEFAULT_WAIT = { 429: 4 * HOUR, 403: 24 * HOUR } as const;

/** Until when nothing is asked of an upstream, and why. */
export interface CoolDown {
  /** ISO time. */
  readonly until: string;
  readonly reason: string;
}

/** Reads and keeps the cool-down, so that it outlives the run (field-notes.md, defects 4 and 14). */
export interface CoolDownMemory {
  load(): CoolDown | undefined;
  save(coolDown: CoolDown): Promise<void>;
}

/** The politeness towards one upstream: once it said "too much" or "no", nothing more is asked until then. */
export class CoolDownGuard {
  readonly #memory: CoolDownMemory;
  readonly #now: () => Date;

  constructor(memory: CoolDownMemory, now: () => Date) {
    this.#memory = memory;
    this.#now = now;
  }

  /** Throws `upstream/cool-down` while one is on. */
  requireNone(): void {
    const current = this.#current();
    if (current !== undefined) throw coolDownError(current);
  }

  /** Starts a cool-down for an answer of 403 or 429, unless a longer one is on; returns the error to throw. */
  async start(status: 403 | 429, retryAfter: string | undefined, what: string): Promise<UpstreamError> {
    const now = this.#now();
    const wait = status === 429 ? retryAfterWait(retryAfter, now) : undefined;
    const until = new Date(now.getTime() + (wait ?? DEFAULT_WAIT[status])).toISOString();
    const current = this.#current();
    if (current !== undefined && current.until > until) return coolDownError(current);
    const coolDown = { until, reason: `it answered ${status} to ${what}` };
    await this.#memory.save(coolDown);
    return coolDownError(coolDown);
  }

  /** One that lies further ahead than any can was made while the clock was wrong. */
  #current(): CoolDown | undefined {
    const current = this.#memory.load();
    const left = Date.parse(current?.until ?? '') - this.#now().getTime();
    return left > 0 && left <= COOL_DOWN_MS.longest + CLOCK_TOLERANCE_MS ? current : undefined;
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

function coolDownError({ until, reason }: CoolDown): UpstreamError {
  return new UpstreamError('upstream/cool-down', `upstream is left alone until ${until}, because ${reason}`, {
    advice: 'The mirror stays on what it has; the first run after that time tries again',
  });
}
