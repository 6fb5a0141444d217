import type { MatchLog } from './match-log.ts';

/** Bytes that must be the same before a place, so that both tars offer it the same matches: zlib's window. */
const WINDOW_SIZE = 32_768;

/** A match of the old tar, at an offset in the matcher's buffer. */
export interface OldMatch {
  readonly start: number;
  readonly length: number;
  readonly distance: number;
}

/**
 * Walks beside a matcher through the matches of an old tar, where that tar has the same bytes (README.md has the reasons).
 * Offsets are those of the matcher's buffer.
 */
export class OldMatches {
  readonly #log: MatchLog;
  /** Offset from which on the bytes are the same; there are none before the first call of `place`. */
  #sameFrom = Number.POSITIVE_INFINITY;
  /** Place in the old tar of offset 0, were it the same. */
  #base = Number.NaN;
  /** Index of the next match. */
  #next = 0;

  constructor(log: MatchLog) {
    this.#log = log;
  }

  /**
   * Notes where the bytes from an offset on are in the old tar, `undefined` if nowhere. Returns false if that is not
   * where the bytes before them go on.
   */
  place(place: number | undefined, offset: number): boolean {
    if (place !== undefined && place - offset === this.#base) return true;
    this.#sameFrom = place === undefined ? Number.POSITIVE_INFINITY : offset;
    this.#base = place === undefined ? Number.NaN : place - offset;
    return false;
  }

  /**
   * Takes note that a match ends at an offset. Returns true if one of the old tar ends there too and the window before
   * it is the same: then the next matches are the same as well.
   */
  joinsAt(offset: number): boolean {
    if (offset - this.#sameFrom < WINDOW_SIZE) return false;
    const place = this.#base + offset;
    this.#next = this.#log.indexAt(place);
    const before = this.#log.at(this.#next - 1);
    return before !== undefined && before.place + before.length === place;
  }

  /** Next match of the old tar, if it ends before an offset. */
  next(limit: number): OldMatch | undefined {
    const match = this.#log.at(this.#next);
    if (match === undefined) return;
    const { place, length, distance } = match;
    const start = place - this.#base;
    if (start + length > limit) return;
    this.#next++;
    return { start, length, distance };
  }

  /** Follows the matcher's buffer, of which the first bytes have gone. */
  slide(gone: number): void {
    this.#sameFrom -= gone;
    this.#base += gone;
  }
}
