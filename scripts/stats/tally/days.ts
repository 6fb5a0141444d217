import { STATS_DAYS } from '../../base/limits/requests.ts';

const DAY_SECONDS = 24 * 3600;

/** Sums of one day in UTC. */
export interface Day extends Sums {
  /** Clients that asked for anything, and those that took a whole CVD, by their number. */
  readonly clients: Numbers;
  readonly takers: Numbers;
}

interface Sums {
  requests: number;
  bytes: number;
  cdiffs: number;
  cdiffBytes: number;
  wholes: number;
  wholeBytes: number;
}

/** The days of all logs, in any order; those beyond the limit are one. */
export class Days {
  readonly #days = new Map<number, Day>();
  readonly beyond: Day = emptyDay();
  #number = Number.NaN;
  #last: Day = this.beyond;

  /** The day of a time. Lines of one day follow each other, so the last one is kept at hand. */
  of(seconds: number): Day {
    const number = Math.floor(seconds / DAY_SECONDS);
    if (number === this.#number) return this.#last;
    let day = this.#days.get(number);
    if (day === undefined && this.#days.size < STATS_DAYS) {
      day = emptyDay();
      this.#days.set(number, day);
    }
    this.#number = number;
    this.#last = day ?? this.beyond;
    return this.#last;
  }

  /** Days by their date, earliest first. */
  list(): readonly (readonly [string, Day])[] {
    return [...this.#days]
      .sort(([one], [other]) => one - other)
      .map(([number, day]) => [new Date(number * DAY_SECONDS * 1000).toISOString().slice(0, 10), day]);
  }
}

function emptyDay(): Day {
  const sums = { requests: 0, bytes: 0, cdiffs: 0, cdiffBytes: 0, wholes: 0, wholeBytes: 0 };
  return { ...sums, clients: new Numbers(), takers: new Numbers() };
}

/** A set of small whole numbers, with one bit for each. */
export class Numbers {
  #bits = new Uint8Array(64);
  count = 0;

  add(number: number): void {
    const at = number >> 3;
    if (at >= this.#bits.length) {
      const larger = new Uint8Array(2 ** Math.ceil(Math.log2(at + 1)));
      larger.set(this.#bits);
      this.#bits = larger;
    }
    const before = this.#bits[at] ?? 0;
    const after = before | (1 << (number & 7));
    if (after === before) return;
    this.#bits[at] = after;
    this.count++;
  }

  has(number: number): boolean {
    return (((this.#bits[number >> 3] ?? 0) >> (number & 7)) & 1) === 1;
  }
}
