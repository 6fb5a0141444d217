import { UpstreamError } from './error.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** What freshclam waits after a 429 without Retry-After, and after a 403 (clamav-formats.md §6). */
const DEFAULT_WAIT = { 429: 4 * HOUR, 403: 24 * HOUR } as const;
/** Upstreams have said 35 µs and weeks (field-notes.md, defect 5). */
const SHORTEST = 5 * MINUTE;
const LONGEST = 24 * HOUR;

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
    const current = this.#memory.load();
    if (current !== undefined && Date.parse(current.until) > this.#now().getTime())
      throw coolDownError(current);
  }

  /** Starts a cool-down for an answer of 403 or 429, and returns the error to throw. */
  async start(status: 403 | 429, retryAfter: string | undefined, what: string): Promise<UpstreamError> {
    const now = this.#now();
    const wait = status === 429 ? retryAfterWait(retryAfter, now) : undefined;
    const until = new Date(now.getTime() + (wait ?? DEFAULT_WAIT[status])).toISOString();
    const coolDown = { until, reason: `it answered ${status} to ${what}` };
    await this.#memory.save(coolDown);
    return coolDownError(coolDown);
  }
}

/** Milliseconds to wait for a Retry-After of seconds or an HTTP date, between a floor and a cap. */
export function retryAfterWait(retryAfter: string | undefined, now: Date): number | undefined {
  if (retryAfter === undefined) return undefined;
  const text = retryAfter.trim();
  const wait = /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now.getTime();
  return Number.isNaN(wait) ? undefined : Math.min(Math.max(wait, SHORTEST), LONGEST);
}

function coolDownError({ until, reason }: CoolDown): UpstreamError {
  return new UpstreamError('upstream/cool-down', `upstream is left alone until ${until}, because ${reason}`, {
    advice: 'The mirror stays on what it has; the first run after that time tries again',
  });
}
