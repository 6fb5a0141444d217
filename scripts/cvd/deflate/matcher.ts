import type { BlockWriter } from './blocks.ts';

const MAX_LENGTH = 258;
/** Bytes that are kept ahead, so that nothing but the end cuts a match short. Source: deflate.h, MIN_LOOKAHEAD. */
const LOOKAHEAD = MAX_LENGTH + 3 + 1;
/** How far back a match may start. Source: deflate.h, MAX_DIST. */
const MAX_DISTANCE = 32_768 - LOOKAHEAD;
/** Z_FILTERED drops matches of up to 5 bytes, so that no shorter one need be looked for. Source: deflate_slow(). */
const MIN_LENGTH = 6;
/** Level 9: how many places with the same 3 bytes are looked at, and how many once a match of `GOOD` is in hand. */
const MAX_CHAIN = 4096;
const GOOD = 32;

const RING = 32_768;
const MASK = RING - 1;
const HASHES = 65_536;
const BUFFER = 512 * 1024;

/**
 * Finds the matches that stock zlib finds at level 9 with strategy Z_FILTERED, and no others (deflate.c,
 * deflate_slow() and longest_match()).
 *
 * zlib walks through all places with the same 3 bytes. With Z_FILTERED only matches of 6 bytes or more survive, and
 * those are among the far fewer places with the same 6 bytes; they are what is chained here. zlib's walk is cut after
 * so many places: how many there are in between is known from numbering the places with the same 3-byte hash.
 */
export class Matcher {
  readonly #blocks: BlockWriter;
  readonly #buffer = new Uint8Array(BUFFER);
  /** By hash of 6 bytes: the last place. Places count from the start of all data, modulo 2^32. */
  readonly #heads = new Int32Array(HASHES).fill(-0x40000000);
  /** By place modulo `RING`: the place before with the same hash of 6 bytes. */
  readonly #previous = new Int32Array(RING);
  /** By zlib's hash of 3 bytes: how many places had it so far. */
  readonly #counts = new Int32Array(RING);
  /** By place modulo `RING`: its number among those with its hash of 3 bytes. */
  readonly #numbers = new Int32Array(RING);
  /** The place of `#buffer[0]`. */
  #base = 0;
  /** In the buffer: what is looked at, the end of what is there, the start of the block. */
  #at = 0;
  #end = 0;
  #blockStart = 0;
  /** The match of the place before: lazy evaluation wants to see the next one first. */
  #length = 2;
  #distance = 0;
  #literalWaits = false;

  constructor(blocks: BlockWriter) {
    this.#blocks = blocks;
  }

  write(chunk: Uint8Array): void {
    for (let taken = 0; taken < chunk.length; ) {
      if (this.#end === BUFFER) this.#slide();
      const part = chunk.subarray(taken, taken + BUFFER - this.#end);
      this.#buffer.set(part, this.#end);
      this.#end += part.length;
      taken += part.length;
      this.#run(LOOKAHEAD);
    }
  }

  end(): void {
    this.#run(1);
    if (this.#literalWaits) this.#blocks.literal(this.#buffer[this.#at - 1] as number);
    this.#writeBlock(true);
  }

  /** Source: deflate_slow(). */
  #run(least: number): void {
    const buffer = this.#buffer;
    const blocks = this.#blocks;
    while (this.#end - this.#at >= least) {
      const ahead = this.#end - this.#at;
      const [length, distance] = [this.#length, this.#distance];
      this.#length = 2;
      if (ahead >= MIN_LENGTH) this.#find(length, ahead);

      if (length >= 3 && this.#length <= length) {
        const full = blocks.match(length, distance);
        const end = this.#at + length - 1;
        while (++this.#at < end) this.#insert(this.#at);
        this.#literalWaits = false;
        this.#length = 2;
        if (full) this.#writeBlock(false);
      } else if (this.#literalWaits) {
        if (blocks.literal(buffer[this.#at - 1] as number)) this.#writeBlock(false);
        this.#at++;
      } else {
        this.#literalWaits = true;
        this.#at++;
      }
    }
  }

  /** Looks for a match that is longer than `best`, the nearest of the longest ones, and inserts this place. */
  #find(best: number, ahead: number): void {
    const buffer = this.#buffer;
    const numbers = this.#numbers;
    const previous = this.#previous;
    const at = this.#at;
    const place = (this.#base + at) | 0;
    let candidate = this.#insert(at);
    if (best >= MAX_LENGTH) return;

    const number = numbers[place & MASK] as number;
    const chain = best >= GOOD ? MAX_CHAIN >> 2 : MAX_CHAIN;
    const most = Math.min(ahead, MAX_LENGTH);
    let longest = best < MIN_LENGTH ? MIN_LENGTH - 1 : best;
    if (longest >= most) return;
    for (;;) {
      const distance = (place - candidate) | 0;
      if (distance <= 0 || distance > MAX_DISTANCE) return;
      const from = at - distance;
      if (from < 0) return;
      if (
        buffer[from + longest] === buffer[at + longest] &&
        buffer[from + longest - 1] === buffer[at + longest - 1] &&
        buffer[from] === buffer[at] &&
        buffer[from + 1] === buffer[at + 1] &&
        buffer[from + 2] === buffer[at + 2]
      ) {
        let length = 3;
        while (length < most && buffer[from + length] === buffer[at + length]) length++;
        if (length > longest) {
          // the newest place is number - 1, and zlib looks at that many
          const passed = number - 1 - (numbers[candidate & MASK] as number);
          if (passed >= chain || (distance === MAX_DISTANCE && passed > 0) || candidate === 0) return;
          longest = length;
          this.#length = length;
          this.#distance = distance;
          if (length >= most) return;
        }
      }
      candidate = previous[candidate & MASK] as number;
    }
  }

  /** Makes the place known to later ones; returns the last place with the same hash of 6 bytes. */
  #insert(at: number): number {
    if (this.#end - at < MIN_LENGTH) return 0; // no match can begin here or later
    const buffer = this.#buffer;
    const place = (this.#base + at) | 0;
    const first = buffer[at] as number;
    const second = buffer[at + 1] as number;
    const third = buffer[at + 2] as number;
    const low = first | (second << 8) | (third << 16) | ((buffer[at + 3] as number) << 24);
    const high = (buffer[at + 4] as number) | ((buffer[at + 5] as number) << 8);
    const hash = (Math.imul(low, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)) >>> 16;
    const head = this.#heads[hash] as number;
    this.#heads[hash] = place;
    this.#previous[place & MASK] = head;
    const short = ((first << 10) ^ (second << 5) ^ third) & MASK;
    const number = this.#counts[short] as number;
    this.#counts[short] = number + 1;
    this.#numbers[place & MASK] = number;
    return head;
  }

  #writeBlock(last: boolean): void {
    // zlib writes a block before it moves on from a literal, and after it has moved on from a match
    const start = this.#blockStart;
    const raw = start < 0 ? undefined : this.#buffer.subarray(start, this.#at);
    this.#blocks.writeBlock(raw, this.#at - start, last);
    this.#blockStart = this.#at;
  }

  /** Keeps what matches may still reach. A block that began before that cannot be stored, as in zlib. */
  #slide(): void {
    const gone = Math.min(this.#at - RING, Math.max(this.#blockStart, this.#at - 2 * RING));
    this.#buffer.copyWithin(0, gone, this.#end);
    this.#base = (this.#base + gone) | 0;
    this.#at -= gone;
    this.#end -= gone;
    this.#blockStart -= gone;
  }
}
