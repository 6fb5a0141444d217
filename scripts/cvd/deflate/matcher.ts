import type { BlockWriter } from './blocks.ts';
import { MatchLog, makeMatchMemory } from './match-log.ts';
import { OldMatches } from './old-matches.ts';

const MAX_LENGTH = 258;
/** Bytes kept ahead, so only the end of the data cuts a match short. Source: deflate.h, MIN_LOOKAHEAD. */
const LOOKAHEAD = MAX_LENGTH + 3 + 1;
/** Bytes back at which a match may start. Source: deflate.h, MAX_DIST. */
const MAX_DISTANCE = 32_768 - LOOKAHEAD;
/** Bytes of the shortest match: Z_FILTERED drops matches of up to 5 bytes. Source: deflate_slow(). */
const MIN_LENGTH = 6;
/** Places with the same 3 bytes that level 9 looks at; a quarter of them once a match has `GOOD_LENGTH` bytes. */
const MAX_CHAIN = 4096;
const GOOD_LENGTH = 32;

const RING_PLACES = 32_768;
const MASK = RING_PLACES - 1;
const HASHES = 65_536;
const BUFFER_SIZE = 512 * 1024;
/** Bytes behind which the next match of the old tar is not waited for. */
const PATIENCE = 128 * 1024;

/**
 * Finds the matches that stock zlib finds at level 9 with strategy Z_FILTERED, and no others (deflate.c,
 * deflate_slow() and longest_match()).
 *
 * zlib walks through all places with the same 3 bytes. With Z_FILTERED only matches of at least 6 bytes survive, so
 * this chains the far fewer places with the same 6 bytes. zlib stops its walk after a number of places. To stop at the
 * same one, places with the same 3-byte hash are numbered.
 */
export class Matcher {
  readonly #blocks: BlockWriter;
  readonly #buffer = new Uint8Array(BUFFER_SIZE);
  /** Last place of each hash of 6 bytes. Places count from the start of all data, modulo 2^32. */
  readonly #heads = new Int32Array(HASHES).fill(-0x40000000);
  /** Previous place with the same hash of 6 bytes, by place modulo `RING_PLACES`. */
  readonly #previous = new Int32Array(RING_PLACES);
  /** Number of places so far with each of zlib's hashes of 3 bytes. */
  readonly #counts = new Int32Array(RING_PLACES);
  /** Number of a place among those with its hash of 3 bytes, by place modulo `RING_PLACES`. */
  readonly #numbers = new Int32Array(RING_PLACES);
  /** Place of `#buffer[0]`. */
  #base = 0;
  /** Offset in the buffer of the current place. */
  #at = 0;
  /** Offset in the buffer behind the last byte. */
  #end = 0;
  /** Offset in the buffer of the block's start, negative once it has left the buffer. */
  #blockStart = 0;
  /** Match at the previous place: lazy evaluation compares it with the next one. */
  #length = 2;
  #distance = 0;
  #literalWaits = false;
  readonly #old: OldMatches;
  /** Whether matches are taken over, and the offset in the buffer where that began. */
  #follows = false;
  #followedFrom = 0;

  /** `old`: matches of a tar that has the same bytes at the places that `write` gets. */
  constructor(blocks: BlockWriter, old = new MatchLog(makeMatchMemory(0))) {
    this.#blocks = blocks;
    this.#old = new OldMatches(old);
  }

  /** `place`: where the bytes are in the old tar, if they are there. */
  write(chunk: Uint8Array, place?: number): void {
    for (let taken = 0; taken < chunk.length; ) {
      if (this.#end === BUFFER_SIZE) this.#slide();
      const part = chunk.subarray(taken, taken + BUFFER_SIZE - this.#end);
      const oldPlace = place === undefined ? undefined : place + taken;
      if (!this.#old.place(oldPlace, this.#end)) this.#leave();
      this.#buffer.set(part, this.#end);
      this.#end += part.length;
      taken += part.length;
      this.#run(LOOKAHEAD);
    }
  }

  end(): void {
    if (!this.#old.place(undefined, this.#end)) this.#leave();
    this.#run(1);
    if (this.#literalWaits) this.#blocks.literal(this.#buffer[this.#at - 1] as number);
    this.#writeBlock(true);
  }

  /** Source: deflate_slow(). */
  #run(least: number): void {
    const buffer = this.#buffer;
    const blocks = this.#blocks;
    if (this.#follows) this.#follow();
    while (!this.#follows && this.#end - this.#at >= least) {
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
        if (this.#old.joinsAt(this.#at)) {
          this.#follows = true;
          this.#followedFrom = this.#at;
          this.#follow();
        }
      } else if (this.#literalWaits) {
        if (blocks.literal(buffer[this.#at - 1] as number)) this.#writeBlock(false);
        this.#at++;
      } else {
        this.#literalWaits = true;
        this.#at++;
      }
    }
  }

  /** Inserts the current place, and finds the nearest of the longest matches that are longer than `best`. */
  #find(best: number, ahead: number): void {
    const buffer = this.#buffer;
    const numbers = this.#numbers;
    const previous = this.#previous;
    const at = this.#at;
    const place = (this.#base + at) | 0;
    let candidate = this.#insert(at);
    if (best >= MAX_LENGTH) return;

    const number = numbers[place & MASK] as number;
    const chain = best >= GOOD_LENGTH ? MAX_CHAIN >> 2 : MAX_CHAIN;
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
          // zlib has looked at `passed` newer places before this one; the newest is number - 1
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

  /** Records a place for later ones. Returns the last place with the same hash of 6 bytes. */
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

  /** Takes over what the old tar has, as far as the bytes are here that zlib would compare. */
  #follow(): void {
    const blocks = this.#blocks;
    for (;;) {
      const match = this.#old.next(this.#end - LOOKAHEAD);
      if (match === undefined) break;
      while (this.#at < match.start) {
        this.#at = blocks.literals(this.#buffer, this.#at, match.start);
        if (blocks.isFull) this.#writeBlock(false);
      }
      this.#at += match.length;
      if (blocks.match(match.length, match.distance)) this.#writeBlock(false);
    }
    if (this.#end - this.#at > PATIENCE) this.#leave();
  }

  /** Goes back to searching, as if it had inserted all places on the way. */
  #leave(): void {
    if (!this.#follows) return;
    this.#follows = false;
    const first = Math.max(this.#followedFrom, this.#at - MAX_DISTANCE);
    for (let at = first; at < this.#at; at++) this.#insert(at);
  }

  #writeBlock(last: boolean): void {
    // zlib writes a block before it moves past a literal, and after it has moved past a match
    const start = this.#blockStart;
    const raw = start < 0 ? undefined : this.#buffer.subarray(start, this.#at);
    this.#blocks.writeBlock(raw, this.#at - start, last);
    this.#blockStart = this.#at;
  }

  /** Drops bytes that no match can reach any more. A block that began there can no longer be stored raw, as in zlib. */
  #slide(): void {
    const gone = Math.min(this.#at - RING_PLACES, Math.max(this.#blockStart, this.#at - 2 * RING_PLACES));
    this.#buffer.copyWithin(0, gone, this.#end);
    this.#base = (this.#base + gone) | 0;
    this.#at -= gone;
    this.#end -= gone;
    this.#followedFrom -= gone;
    this.#old.slide(gone);
    this.#blockStart -= gone;
  }
}
