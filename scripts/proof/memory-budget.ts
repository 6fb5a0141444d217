import { bytes } from '../base/words.ts';
import type { Engine } from '../engine/engine.ts';
import type { Proof } from './record.ts';

/**
 * Memory of a set of databases before anything has been measured, as a multiple of the size of its CVDs. Hashes alone
 * take 8 times their size; the most that was seen is 12, of sets that are mostly patterns.
 */
const MEMORY_PER_BYTE = 12;
/** Bytes of memory that every tool takes besides. */
const TOOL_MEMORY = 50_000_000;
/** Room for what a measurement misses: the last half second, and sets that differ a little. */
const MARGIN = 1.2;
/** Share of the available memory to use; the rest is for other programs, and for the files that all this reads. */
const USABLE_SHARE = 0.5;

/** Need of memory of something that an engine does. */
export interface Need {
  readonly engine: Pick<Engine, 'name' | 'memory'>;
  /** Sets of databases that it holds in memory at once. */
  readonly sets: number;
}

/** Memory for a proof: how much one set of databases takes, measured as soon as one is loaded, and how much there is. */
export class MemoryBudget {
  /** Bytes to use. */
  readonly usable: number;
  readonly #guess: number;
  #measured: number | undefined;

  /** `size` of all CVDs, and `available` memory, in bytes. */
  constructor(size: number, available: number) {
    this.usable = available * USABLE_SHARE;
    this.#guess = TOOL_MEMORY + size * MEMORY_PER_BYTE;
  }

  /** Takes note of the memory of a tool that has loaded this many sets. */
  learn(bytes: number | undefined, sets = 1): void {
    if (bytes !== undefined) this.#measured = Math.max(this.#measured ?? 0, bytes / sets);
  }

  /** True if there is memory for this beside what runs: on this machine, and in the container of its engine. */
  fits(next: Need, beside: readonly Need[]): boolean {
    if (next.sets === 0) return true;
    const ofEngine = beside.filter(({ engine }) => engine.name === next.engine.name);
    return this.#fitIn(this.usable, next, beside) && this.#fitIn(next.engine.memory, next, ofEngine);
  }

  /** `a loaded set takes 884.0 MB, of 3.2 GB to use` */
  toString(): string {
    const [known, size] =
      this.#measured === undefined ? ['may take', this.#guess] : ['takes', this.#measured];
    return `a loaded set ${known} ${bytes(size)}, of ${bytes(this.usable)} to use`;
  }

  record(oneByOne: boolean): NonNullable<Proof['memory']> {
    const megabytes = (size: number) => Math.round(size / 1e6);
    const loaded = this.#measured === undefined ? {} : { loaded: megabytes(this.#measured) };
    return { ...loaded, usable: megabytes(this.usable), oneByOne };
  }

  #fitIn(usable: number | undefined, next: Need, beside: readonly Need[]): boolean {
    const sets = beside.reduce((sum, need) => sum + need.sets, 0);
    if (usable === undefined || sets === 0) return true;
    return (sets + next.sets) * this.#ofOneSet() <= usable;
  }

  #ofOneSet(): number {
    return this.#measured === undefined ? this.#guess : this.#measured * MARGIN;
  }
}
