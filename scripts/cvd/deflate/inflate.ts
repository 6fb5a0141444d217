import { crc32 } from 'node:zlib';
import { requireBounded } from '../container/gunzip.ts';
import { CvdError } from '../error.ts';
import { DISTANCE_EXTRA, distanceBase, LENGTH_CODE_ORDER, LENGTH_EXTRA, lengthBase } from './alphabets.ts';
import { GZIP_HEADER_SIZE, requirePlainGzip } from './gzip.ts';
import { reversed } from './huffman.ts';

/** Gets a match that begins at offset `place` of the inflated bytes. */
export type MatchListener = (place: number, length: number, distance: number) => void;

/** Receives the inflated bytes, which are only valid during the call, and each match before its bytes. */
export interface InflateHandler {
  data(chunk: Uint8Array): void;
  readonly match: MatchListener;
}

const WINDOW_SIZE = 32 * 1024;
const OUTPUT_SIZE = WINDOW_SIZE + 64 * 1024;
/** Bytes of the longest match. */
const MAX_LENGTH = 258;
/** Compressed bytes that must be there before a symbol, and before the description of a block's codes. */
const SYMBOL_SIZE = 16;
const DESCRIPTION_SIZE = 512;
const TRAILER_SIZE = 8;

const MAX_BITS = 15;
const NOTHING = new Uint8Array(0);

type State = 'header' | 'block' | 'stored' | 'symbols' | 'trailer' | 'ended';

/**
 * Inflates a gzip member without extra fields, within the same bounds as `Gunzip`, and tells which matches it is made
 * of (RFC 1951, RFC 1952).
 */
export class Inflate {
  readonly #handler: InflateHandler;
  readonly #limit: number;
  /** Compressed bytes so far. */
  #consumed = 0;
  #input: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Bits that are read and not used yet. */
  #bits = 0;
  #bitCount = 0;
  readonly #output = new Uint8Array(OUTPUT_SIZE);
  #out = 0;
  /** Offset in the output behind the last byte that the handler has. */
  #given = 0;
  /** Offset of the output's first byte in all inflated bytes. */
  #base = 0;
  #crc = 0;
  #state: State = 'header';
  #isLast = false;
  #stored = 0;
  #literals = FIXED.literals;
  #distances = FIXED.distances;

  constructor(handler: InflateHandler, limit: number) {
    this.#handler = handler;
    this.#limit = limit;
  }

  /** True once the member's checksum has been read and found right. */
  get ended(): boolean {
    return this.#state === 'ended';
  }

  /** Takes compressed bytes. Returns those behind the end of the member. Throws `cvd/gzip`, `cvd/too-large`. */
  write(chunk: Uint8Array): Uint8Array {
    this.#consumed += chunk.length;
    this.#append(chunk);
    while (this.#step());
    this.#give();
    return this.ended ? this.#input.subarray(this.#at) : NOTHING;
  }

  #append(chunk: Uint8Array): void {
    const rest = this.#input.subarray(this.#at);
    const input = new Uint8Array(rest.length + chunk.length);
    input.set(rest);
    input.set(chunk, rest.length);
    this.#input = input;
    this.#at = 0;
  }

  /** Throws `cvd/gzip` if the member is incomplete, or if something follows it. */
  end(): void {
    if (this.ended) return;
    const rest = this.write(new Uint8Array(DESCRIPTION_SIZE)); // as many as are waited for
    if (!this.ended || rest.length < DESCRIPTION_SIZE) throw damaged('it ends early');
    if (rest.length > DESCRIPTION_SIZE) throw damaged('something follows it');
  }

  /** Takes one step. Returns false if there is not enough input for it. */
  #step(): boolean {
    const ahead = this.#input.length - this.#at;
    switch (this.#state) {
      case 'header':
        return ahead >= GZIP_HEADER_SIZE && this.#takeHeader();
      case 'block':
        return ahead >= DESCRIPTION_SIZE && this.#takeBlockHeader();
      case 'stored':
        return ahead >= Math.min(this.#stored, 1) && this.#takeStored();
      case 'symbols':
        return ahead >= SYMBOL_SIZE && this.#takeSymbols();
      case 'trailer':
        return ahead >= TRAILER_SIZE && this.#takeTrailer();
      case 'ended':
        return false;
    }
  }

  #takeHeader(): true {
    requirePlainGzip(this.#input.subarray(0, GZIP_HEADER_SIZE));
    this.#at = GZIP_HEADER_SIZE;
    this.#state = 'block';
    return true;
  }

  #takeBlockHeader(): true {
    this.#isLast = this.#take(1) === 1;
    const kind = this.#take(2);
    if (kind === 0) {
      this.#toByte();
      const [length, complement] = [this.#take(16), this.#take(16)];
      if ((length ^ complement) !== 0xffff) throw damaged('a stored block has no sound length');
      this.#toByte();
      this.#stored = length;
      this.#state = 'stored';
      return true;
    }
    if (kind === 3) throw damaged('a block is of no kind');
    ({ literals: this.#literals, distances: this.#distances } = kind === 1 ? FIXED : this.#takeCodes());
    this.#state = 'symbols';
    return true;
  }

  #takeCodes(): Codes {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const sent = this.#take(4) + 4;
    const codeLengths = new Uint8Array(19);
    for (const symbol of LENGTH_CODE_ORDER.slice(0, sent)) codeLengths[symbol] = this.#take(3);
    const codes = new Code(codeLengths);
    const lengths = new Uint8Array(literals + distances);
    for (let at = 0; at < lengths.length; ) {
      const symbol = this.#symbol(codes);
      if (symbol < 16) {
        lengths[at++] = symbol;
        continue;
      }
      const [repeated, count] =
        symbol === 16
          ? [lengths[at - 1], 3 + this.#take(2)]
          : [0, symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7)];
      if (repeated === undefined || at + count > lengths.length) throw damaged('a code repeats no length');
      lengths.fill(repeated, at, at + count);
      at += count;
    }
    return {
      literals: new Code(lengths.subarray(0, literals)),
      distances: new Code(lengths.subarray(literals)),
    };
  }

  #takeStored(): true {
    if (this.#out > OUTPUT_SIZE - MAX_LENGTH) this.#give();
    const part = this.#input.subarray(this.#at, this.#at + Math.min(this.#stored, OUTPUT_SIZE - this.#out));
    this.#output.set(part, this.#out);
    this.#out += part.length;
    this.#at += part.length;
    this.#stored -= part.length;
    if (this.#stored === 0) this.#endBlock();
    return true;
  }

  /** Takes symbols up to the end of the block or of the input. */
  #takeSymbols(): true {
    const [input, output] = [this.#input, this.#output];
    const [literals, distances] = [this.#literals, this.#distances];
    const [literalTable, literalMask] = [literals.table, literals.mask];
    const last = input.length - SYMBOL_SIZE;
    let [at, bits, count, out] = [this.#at, this.#bits, this.#bitCount, this.#out];
    let ended = false;
    while (at <= last) {
      if (out > OUTPUT_SIZE - MAX_LENGTH) {
        this.#out = out;
        this.#give();
        out = this.#out;
      }
      for (; count < 24; count += 8) bits |= (input[at++] as number) << count;
      const entry = literalTable[bits & literalMask] as number;
      bits >>= entry & 15;
      count -= entry & 15;
      const symbol = entry >> 4;
      if (symbol < 256) {
        if (entry === 0) throw damaged('a symbol is none');
        output[out++] = symbol;
        continue;
      }
      if (symbol === 256) {
        ended = true;
        break;
      }
      if (symbol > 285) throw damaged('a length is none');
      const lengthExtra = LENGTH_EXTRA[symbol - 257] as number;
      const length = 3 + (lengthBase[symbol - 257] as number) + (bits & ((1 << lengthExtra) - 1));
      bits >>= lengthExtra;
      count -= lengthExtra;
      for (; count < 24; count += 8) bits |= (input[at++] as number) << count;
      const code = distances.table[bits & distances.mask] as number;
      bits >>= code & 15;
      count -= code & 15;
      if (code === 0 || code >> 4 > 29) throw damaged('a distance is none');
      for (; count < 24; count += 8) bits |= (input[at++] as number) << count;
      const distanceExtra = DISTANCE_EXTRA[code >> 4] as number;
      const distance = 1 + (distanceBase[code >> 4] as number) + (bits & ((1 << distanceExtra) - 1));
      bits >>= distanceExtra;
      count -= distanceExtra;
      if (distance > out) throw damaged('a match reaches back too far');
      this.#handler.match(this.#base + out, length, distance);
      for (const end = out + length; out < end; out++) output[out] = output[out - distance] as number;
    }
    [this.#at, this.#bits, this.#bitCount, this.#out] = [at, bits, count, out];
    if (ended) this.#endBlock();
    return true;
  }

  #endBlock(): void {
    this.#state = this.#isLast ? 'trailer' : 'block';
    if (this.#isLast) this.#toByte();
  }

  #takeTrailer(): true {
    this.#give();
    const [crc, size] = [this.#take(16) + this.#take(16) * 65_536, this.#take(16) + this.#take(16) * 65_536];
    this.#toByte();
    if (crc !== this.#crc || size !== (this.#base + this.#out) % 2 ** 32)
      throw damaged('its checksum is wrong');
    this.#state = 'ended';
    return true;
  }

  /** Gives away what is new, and keeps a window of it. */
  #give(): void {
    const chunk = this.#output.subarray(this.#given, this.#out);
    this.#given = this.#out;
    if (chunk.length > 0) {
      requireBounded(this.#base + this.#out, this.#consumed, this.#limit);
      this.#crc = crc32(chunk, this.#crc);
      this.#handler.data(chunk);
    }
    if (this.#out <= OUTPUT_SIZE - MAX_LENGTH) return;
    const gone = this.#out - WINDOW_SIZE;
    this.#output.copyWithin(0, gone, this.#out);
    this.#base += gone;
    this.#out = WINDOW_SIZE;
    this.#given = WINDOW_SIZE;
  }

  #take(count: number): number {
    this.#fill();
    const value = this.#bits & ((1 << count) - 1);
    this.#bits >>= count;
    this.#bitCount -= count;
    return value;
  }

  #symbol(code: Code): number {
    this.#fill();
    const entry = code.table[this.#bits & code.mask] as number;
    if (entry === 0) throw damaged('a length of a code is none');
    this.#bits >>= entry & 15;
    this.#bitCount -= entry & 15;
    return entry >> 4;
  }

  #fill(): void {
    for (; this.#bitCount < 24; this.#bitCount += 8) {
      this.#bits |= (this.#input[this.#at++] as number) << this.#bitCount;
    }
  }

  /** Goes on at the next whole byte. */
  #toByte(): void {
    this.#at -= this.#bitCount >>> 3;
    this.#bits = 0;
    this.#bitCount = 0;
  }
}

interface Codes {
  readonly literals: Code;
  readonly distances: Code;
}

/** Table of a Huffman code: `symbol << 4 | bits` by the next bits of the input, 0 where there is no such code. */
class Code {
  readonly table: Uint16Array;
  readonly mask: number;

  /** `lengths`: bits of each symbol's code. Throws `cvd/gzip` if there are more codes than bits can tell apart. */
  constructor(lengths: Uint8Array) {
    const counts = new Uint16Array(MAX_BITS + 1);
    for (const length of lengths) counts[length] = (counts[length] as number) + 1;
    const next = new Uint16Array(MAX_BITS + 1);
    let [code, longest] = [0, 1];
    for (let length = 1; length <= MAX_BITS; length++) {
      next[length] = code;
      const count = counts[length] as number;
      if (count > 0) longest = length;
      code += count;
      if (code > 1 << length) throw damaged('a code is over-full');
      code <<= 1;
    }
    const size = 1 << longest;
    this.table = new Uint16Array(size);
    this.mask = size - 1;
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      const length = lengths[symbol] as number;
      if (length === 0) continue;
      const own = next[length] as number;
      next[length] = own + 1;
      const entry = (symbol << 4) | length;
      for (let at = reversed(own, length); at < size; at += 1 << length) this.table[at] = entry;
    }
  }
}

const FIXED: Codes = {
  literals: new Code(
    Uint8Array.from({ length: 288 }, (_, at) => (at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8)),
  ),
  distances: new Code(new Uint8Array(30).fill(5)),
};

function damaged(how: string): CvdError {
  return new CvdError('cvd/gzip', `the compressed data is damaged: ${how}`);
}
