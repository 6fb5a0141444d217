const ENTRY_SIZE = 8;
/** Largest distance, less one, that an entry has bits for; its length less 3 stands above. */
const DISTANCE_MASK = 0x7fff;
const DISTANCE_BITS = 15;

/** Memory of a log, which two threads may share. */
export interface MatchMemory {
  readonly entries: SharedArrayBuffer;
  readonly count: SharedArrayBuffer;
}

/**
 * Makes the memory of a log. Matches beyond `size` bytes, 8 for each, are not kept, and then less can be taken over.
 */
export function makeMatchMemory(size: number): MatchMemory {
  return {
    entries: new SharedArrayBuffer(Math.floor(size / ENTRY_SIZE) * ENTRY_SIZE),
    count: new SharedArrayBuffer(4),
  };
}

/** A copy of `length` bytes from `distance` bytes before. */
export interface Match {
  /** Offset in the tar. */
  readonly place: number;
  readonly length: number;
  readonly distance: number;
}

/** Matches that a container is made of, by their places in the tar. One thread writes them, another one reads. */
export class MatchLog {
  readonly #entries: Uint32Array;
  readonly #count: Int32Array;

  constructor({ entries, count }: MatchMemory) {
    this.#entries = new Uint32Array(entries);
    this.#count = new Int32Array(count);
  }

  /** Number of matches so far. */
  get count(): number {
    return Atomics.load(this.#count, 0);
  }

  /** Keeps a match. One that does not lie behind all others is known from an earlier pass. */
  add(place: number, length: number, distance: number): void {
    const count = this.#count[0] as number;
    const at = 2 * count;
    if (at === this.#entries.length) return;
    if (count > 0 && (this.#entries[at - 2] as number) >= place) return;
    this.#entries[at] = place;
    this.#entries[at + 1] = ((length - 3) << DISTANCE_BITS) | (distance - 1);
    Atomics.store(this.#count, 0, count + 1);
  }

  /** A match by its index, if there is one yet. */
  at(index: number): Match | undefined {
    if (index < 0 || index >= this.count) return;
    const [place, form] = [this.#entries[2 * index] as number, this.#entries[2 * index + 1] as number];
    return { place, length: (form >>> DISTANCE_BITS) + 3, distance: (form & DISTANCE_MASK) + 1 };
  }

  /** Index of the first match at or behind a place, `count` if there is none. */
  indexAt(place: number): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#entries[2 * middle] as number) < place) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
