import { PATIENCE as LIMITS } from '../base/limits/upstream.ts';
import { lasting } from '../base/words.ts';
import { UpstreamError } from './error.ts';

/** How long and how often to try. Milliseconds. */
export interface Patience {
  /** Without a byte of the answer's head or body. */
  readonly idle: number;
  /** In each of these spans, `least` bytes of a body have to come. */
  readonly span: number;
  readonly least: number;
  /** For one file in all, so that others are published meanwhile; what came of it may outlive that. */
  readonly file: number;
  /** Without at least `least` bytes of progress. */
  readonly attempts: number;
  /** Before the second attempt; doubled before each further one. */
  readonly pause: number;
  /** Milliseconds since any time. */
  readonly clock: () => number;
}

/** Progress decides and not the time alone. */
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

  /** Begins a body: what it took to have an answer is not held against it. */
  flow(): void {
    this.#spanBegun = this.#patience.clock();
    this.#spanBytes = 0;
  }

  /** Counts bytes that came. Throws `upstream/incomplete` if they come too slowly, `upstream/slow` at the end of the time. */
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

  /** Counts bytes that stay, whatever becomes of the attempt: with enough of them it was not in vain, and is not counted. */
  kept(bytes: number): void {
    this.#moved += bytes;
    if (this.#moved >= this.#patience.least) this.#tried = 0;
  }

  /** Milliseconds to wait before the next attempt; `undefined` if there is none, or no time for it. */
  get pause(): number | undefined {
    const { attempts, pause, file, clock } = this.#patience;
    return this.#tried >= attempts || clock() - this.#begun > file
      ? undefined
      : pause * 2 ** Math.max(this.#tried - 1, 0) * (0.75 + Math.random() / 2);
  }

  #requireTime(now: number): void {
    const { file } = this.#patience;
    if (now - this.#begun <= file) return;
    throw new UpstreamError('upstream/slow', `${this.#name} did not come whole within ${lasting(file)}`, {
      advice: 'The next cycle goes on where this one ended, if upstream can; look at the line to it',
    });
  }
}
