import { PATIENCE as LIMITS } from '../base/limits/upstream.ts';
import { lasting } from '../base/words.ts';
import { UpstreamError } from './error.ts';

/** Limits for one file, in milliseconds, bytes and attempts. */
export interface Patience {
  /** Milliseconds without a byte of the answer's head or body. */
  readonly idle: number;
  /** Milliseconds in which at least `least` bytes of a body have to arrive. */
  readonly span: number;
  readonly least: number;
  /** Milliseconds for the file, all attempts included, however it moves; left out: no limit. */
  readonly file?: number;
  /** Attempts that bring fewer than `least` bytes. */
  readonly attempts: number;
  /** Milliseconds before the second attempt; doubled before each further one. */
  readonly pause: number;
  /** Milliseconds since any fixed time. */
  readonly clock: () => number;
}

/** Default limits, on the clock of this process. */
export const PATIENCE: Patience = { ...LIMITS, clock: () => performance.now() };

/** Watches over one file, however many attempts it takes. */
export class Pace {
  readonly #name: string;
  readonly #patience: Patience;
  readonly #begun: number;
  #spanBegun: number;
  #spanBytes = 0;
  #tried = 0;
  #moved = 0;

  constructor(name: string, patience: Patience) {
    this.#name = name;
    this.#patience = patience;
    this.#begun = patience.clock();
    this.#spanBegun = this.#begun;
  }

  /** Begins an attempt. */
  begin(): void {
    this.#tried++;
    this.#moved = 0;
  }

  /** Begins a body. The time before the answer does not count for its speed. */
  flow(): void {
    this.#spanBegun = this.#patience.clock();
    this.#spanBytes = 0;
  }

  /**
   * Counts received bytes. Throws `upstream/incomplete` if they come too slowly, `upstream/slow` once the time is
   * over.
   */
  count(bytes: number): void {
    const { span, least, clock } = this.#patience;
    const now = clock();
    this.#spanBytes += bytes;
    this.#requireTime(now);
    if (now - this.#spanBegun < span) return;
    if (this.#spanBytes < least)
      throw new UpstreamError(
        'upstream/incomplete',
        `${this.#name} comes at less than ${least} bytes in ${span / 1000} s`,
      );
    this.#spanBegun = now;
    this.#spanBytes = 0;
  }

  /**
   * Counts bytes that no attempt brought before, and that stay even if this one fails. With `least` of them the attempt is
   * not counted; so a server that begins anew each time is given up.
   */
  kept(bytes: number): void {
    this.#moved += bytes;
    if (this.#moved >= this.#patience.least) this.#tried = 0;
  }

  /** Milliseconds before the next attempt; `undefined` if no attempt or no time is left. */
  get pause(): number | undefined {
    const { attempts, pause, file = Number.POSITIVE_INFINITY, clock } = this.#patience;
    return this.#tried >= attempts || clock() - this.#begun > file
      ? undefined
      : pause * 2 ** Math.max(this.#tried - 1, 0) * (0.75 + Math.random() / 2);
  }

  #requireTime(now: number): void {
    const { file } = this.#patience;
    if (file === undefined || now - this.#begun <= file) return;
    throw new UpstreamError('upstream/slow', `${this.#name} did not come whole within ${lasting(file)}`, {
      advice:
        'Check the line to upstream. The next cycle goes on where this one ended, if upstream can resume',
    });
  }
}
