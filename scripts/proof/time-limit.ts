/**
 * Time of one engine for all its scenarios. Those that run side by side count each, and waiting for one's turn counts
 * for nobody: an engine must not run out of time because another one hangs.
 */
export class TimeLimit {
  readonly #limit: number;
  readonly #now: () => number;
  #spent = 0;
  readonly #running = new Set<{ readonly begun: number }>();

  /** `limit` in milliseconds. */
  constructor(limit: number, now = () => performance.now()) {
    this.#limit = limit;
    this.#now = now;
  }

  /** Milliseconds that are left, at least one: a tool that is given none would run without a limit. */
  left(): number {
    const now = this.#now();
    const running = [...this.#running].reduce((sum, { begun }) => sum + (now - begun), 0);
    return Math.max(1, Math.ceil(this.#limit - this.#spent - running));
  }

  /** Counts the time of this work. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const one = { begun: this.#now() };
    this.#running.add(one);
    try {
      return await work();
    } finally {
      this.#running.delete(one);
      this.#spent += this.#now() - one.begun;
    }
  }
}
