import { STATS_VERSIONS } from '../../base/limits/requests.ts';

/** A version that the mirror had from this second on. */
export interface Publication {
  readonly seconds: number;
  readonly version: number;
}

/**
 * Newest version of one database over time. The history of a store says when each was published. Without it, a version
 * counts from the first answer with its CDIFF: the mirror had it then, perhaps for some time.
 */
export class Versions {
  readonly #published: readonly Publication[];
  readonly #seen = new Map<number, number>();
  #order: readonly Publication[] | undefined;

  constructor(published: readonly Publication[] = []) {
    this.#published = published;
  }

  /** Notes that a CDIFF to this version was served. */
  see(version: number, seconds: number): void {
    const before = this.#seen.get(version);
    if (before !== undefined ? before <= seconds : this.#seen.size >= STATS_VERSIONS) return;
    this.#seen.set(version, seconds);
    this.#order = undefined;
  }

  /** Newest version at that time, with the time from which it was; `undefined` before anything is known. */
  at(seconds: number): Publication | undefined {
    this.#order ??= this.#ordered();
    let [low, high] = [0, this.#order.length]; // it is asked for each client
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#order[middle]?.seconds ?? 0) <= seconds) low = middle + 1;
      else high = middle;
    }
    return this.#order[low - 1];
  }

  /** Publications in the order of their time. What only answers show counts if it is newer than all before it. */
  #ordered(): Publication[] {
    const known = new Set(this.#published.map(({ version }) => version));
    const seen = [...this.#seen]
      .filter(([version]) => !known.has(version))
      .map(([version, seconds]) => ({ version, seconds, isSeen: true }));
    const all = [...this.#published.map((one) => ({ ...one, isSeen: false })), ...seen];
    let newest = 0;
    return all
      .sort((one, other) => one.seconds - other.seconds || one.version - other.version)
      .filter(({ version, isSeen }) => {
        if (isSeen && version <= newest) return false;
        newest = version;
        return true;
      });
  }
}
