import { owned } from '../logs/access.ts';

/** Requests and bytes of one thing. */
export interface Count {
  requests: number;
  bytes: number;
}

/** Counts by name for at most so many names. Those that come later are counted together, and never left out. */
export class Counter {
  readonly #most: number;
  readonly #counts = new Map<string, Count>();
  readonly beyond: Count = { requests: 0, bytes: 0 };

  constructor(most: number) {
    this.#most = most;
  }

  add(name: string, bytes: number): void {
    let count = this.#counts.get(name);
    if (count === undefined) {
      count = this.#counts.size < this.#most ? { requests: 0, bytes: 0 } : this.beyond;
      if (count !== this.beyond) this.#counts.set(owned(name), count);
    }
    count.requests++;
    count.bytes += bytes;
  }

  /** Names with the most requests first, then by the alphabet. */
  list(): readonly (readonly [string, Count])[] {
    return [...this.#counts].sort(
      ([name, one], [other, count]) => count.requests - one.requests || (name < other ? -1 : 1),
    );
  }

  get requests(): number {
    return [...this.#counts.values()].reduce((sum, one) => sum + one.requests, this.beyond.requests);
  }
}
