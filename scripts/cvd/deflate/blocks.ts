import {
  DISTANCE_EXTRA,
  distanceBase,
  distanceCode,
  LENGTH_CODE_ORDER,
  LENGTH_EXTRA,
  lengthBase,
  lengthCode,
} from './alphabets.ts';
import { assignCodes, Huffman, reversed } from './huffman.ts';

/** Symbols in a block: one less than zlib's buffer for memLevel 8. Source: deflateInit2_(), sym_end. */
const BLOCK_SYMBOLS = 16_383;
const CHUNK_SIZE = 256 * 1024;
/**
 * Free bytes before a symbol, which takes at most 6, or the description of a block's codes, which takes a few hundred.
 */
const MARGIN_SIZE = 1024;

const END_OF_BLOCK = 256;
const LITERALS = 286;
const DISTANCES = 30;
const LENGTH_CODES = 19;
const LENGTH_CODE_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 7];

const FIXED_LENGTHS = Uint16Array.from({ length: 288 }, (_, at) =>
  at < 144 ? 8 : at < 256 ? 9 : at < 280 ? 7 : 8,
);
const FIXED_CODES = new Uint16Array(288);
assignCodes(FIXED_LENGTHS, FIXED_CODES, 287);
const FIXED_DISTANCE_LENGTHS = new Uint16Array(DISTANCES).fill(5);
const FIXED_DISTANCE_CODES = Uint16Array.from({ length: DISTANCES }, (_, code) => reversed(code, 5));

/** Collects literals and matches and writes them as deflate blocks like stock zlib. Source: trees.c. */
export class BlockWriter {
  readonly #onData: (chunk: Uint8Array<ArrayBuffer>) => void;
  readonly #literals = new Huffman(LITERALS, (symbol) =>
    symbol > END_OF_BLOCK ? (LENGTH_EXTRA[symbol - 257] ?? 0) : 0,
  );
  readonly #distances = new Huffman(DISTANCES, (symbol) => DISTANCE_EXTRA[symbol] ?? 0);
  readonly #lengthCodes = new Huffman(LENGTH_CODES, (symbol) => LENGTH_CODE_EXTRA[symbol] ?? 0, 7);
  /** Literal of each symbol, or length minus 3 if the symbol is a match, whose distance is not 0. */
  readonly #values = new Uint8Array(BLOCK_SYMBOLS);
  readonly #matchDistances = new Uint16Array(BLOCK_SYMBOLS);
  #symbols = 0;
  #out = new Uint8Array(CHUNK_SIZE);
  #used = 0;
  /** Bits that are not written yet. */
  #bits = 0;
  #bitCount = 0;

  /** `onData` owns the bytes it gets. */
  constructor(onData: (chunk: Uint8Array<ArrayBuffer>) => void) {
    this.#onData = onData;
  }

  /** Adds a literal. Returns true if the block is full and must be written before the next symbol. */
  literal(byte: number): boolean {
    const { frequencies } = this.#literals;
    this.#values[this.#symbols] = byte;
    this.#matchDistances[this.#symbols] = 0;
    frequencies[byte] = (frequencies[byte] as number) + 1;
    return ++this.#symbols === BLOCK_SYMBOLS;
  }

  /** Adds the literals `from` to `to` of these bytes, as many as fit. Returns where it stopped. */
  literals(bytes: Uint8Array, from: number, to: number): number {
    const { frequencies } = this.#literals;
    const end = Math.min(to, from + BLOCK_SYMBOLS - this.#symbols);
    let symbols = this.#symbols;
    for (let at = from; at < end; at++) {
      const byte = bytes[at] as number;
      this.#values[symbols] = byte;
      this.#matchDistances[symbols++] = 0;
      frequencies[byte] = (frequencies[byte] as number) + 1;
    }
    this.#symbols = symbols;
    return end;
  }

  /** True if the block must be written before the next symbol. */
  get isFull(): boolean {
    return this.#symbols === BLOCK_SYMBOLS;
  }

  /** Adds a match of 3 to 258 bytes, 1 to 32768 bytes back. Returns true if the block is full. */
  match(length: number, distance: number): boolean {
    const { frequencies } = this.#literals;
    this.#values[this.#symbols] = length - 3;
    this.#matchDistances[this.#symbols] = distance;
    const symbol = 257 + (lengthCode[length - 3] as number);
    frequencies[symbol] = (frequencies[symbol] as number) + 1;
    const code = distanceCode[distance - 1] as number;
    this.#distances.frequencies[code] = (this.#distances.frequencies[code] as number) + 1;
    return ++this.#symbols === BLOCK_SYMBOLS;
  }

  /**
   * Writes the block in the shortest of its three forms. `raw`: the bytes of its symbols, or `undefined` if they are no
   * longer held. Source: _tr_flush_block().
   */
  writeBlock(raw: Uint8Array | undefined, rawLength: number, last: boolean): void {
    this.#literals.frequencies[END_OF_BLOCK] = 1;
    const fixedSize = bytesFor(this.#fixedBits());
    this.#literals.build();
    this.#distances.build();
    const described = this.#describeCodes();
    const ownSize = bytesFor(this.#literals.bits + this.#distances.bits + described.bits);
    const size = Math.min(fixedSize, ownSize);
    const kind = last ? 1 : 0;
    if (raw !== undefined && rawLength + 4 <= size) {
      this.#writeStored(raw, kind);
    } else if (fixedSize === size) {
      this.#send(2 + kind, 3);
      this.#writeSymbols(FIXED_CODES, FIXED_LENGTHS, FIXED_DISTANCE_CODES, FIXED_DISTANCE_LENGTHS);
    } else {
      this.#send(4 + kind, 3);
      this.#writeDescription(described);
      const [literals, distances] = [this.#literals, this.#distances];
      this.#writeSymbols(literals.codes, literals.lengths, distances.codes, distances.lengths);
    }
    this.#symbols = 0;
    this.#literals.clear();
    this.#distances.clear();
  }

  /** Writes the trailer behind the last block, and hands over the last bytes. */
  end(trailer: Uint8Array): void {
    this.#fillByte();
    this.bytes(trailer);
    if (this.#used > 0) this.#onData(this.#out.subarray(0, this.#used));
  }

  /** Writes bytes between blocks, at a byte boundary. */
  bytes(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      this.#makeRoom(1);
      const part = bytes.subarray(at, at + CHUNK_SIZE - this.#used);
      this.#out.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
    }
  }

  #fixedBits(): number {
    let bits = 0;
    const { frequencies } = this.#literals;
    for (let symbol = 0; symbol < LITERALS; symbol++) {
      const extra = symbol > END_OF_BLOCK ? (LENGTH_EXTRA[symbol - 257] ?? 0) : 0;
      bits += (frequencies[symbol] ?? 0) * ((FIXED_LENGTHS[symbol] ?? 0) + extra);
    }
    for (let code = 0; code < DISTANCES; code++) {
      bits += (this.#distances.frequencies[code] ?? 0) * (5 + (DISTANCE_EXTRA[code] ?? 0));
    }
    return bits;
  }

  /** Describes the lengths of both codes as runs, and builds a code for these. Source: build_bl_tree(). */
  #describeCodes(): Description {
    const codes = this.#lengthCodes;
    codes.clear();
    const runs = [...runsOf(this.#literals), ...runsOf(this.#distances)];
    for (const { symbol } of runs) codes.frequencies[symbol] = (codes.frequencies[symbol] ?? 0) + 1;
    codes.build();
    let sent = LENGTH_CODES;
    while (sent > 4 && codes.lengths[LENGTH_CODE_ORDER[sent - 1] ?? 0] === 0) sent--;
    return { runs, sent, bits: codes.bits + 3 * sent + 5 + 5 + 4 };
  }

  #writeDescription({ runs, sent }: Description): void {
    const { codes, lengths } = this.#lengthCodes;
    this.#send(this.#literals.last + 1 - 257, 5);
    this.#send(this.#distances.last, 5);
    this.#send(sent - 4, 4);
    for (const symbol of LENGTH_CODE_ORDER.slice(0, sent)) this.#send(lengths[symbol] ?? 0, 3);
    for (const { symbol, repeat } of runs) {
      this.#send(codes[symbol] ?? 0, lengths[symbol] ?? 0);
      this.#send(repeat, LENGTH_CODE_EXTRA[symbol] ?? 0);
    }
  }

  #writeStored(raw: Uint8Array, kind: number): void {
    this.#send(kind, 3);
    this.#fillByte();
    const length = raw.length;
    this.bytes(Uint8Array.of(length & 0xff, length >> 8, ~length & 0xff, (~length >> 8) & 0xff));
    this.bytes(raw);
  }

  #writeSymbols(
    codes: Uint16Array,
    lengths: Uint16Array,
    distanceCodes: Uint16Array,
    distanceLengths: Uint16Array,
  ): void {
    for (let at = 0; at < this.#symbols; at++) {
      const value = this.#values[at] as number;
      const distance = this.#matchDistances[at] as number;
      if (distance === 0) {
        this.#send(codes[value] as number, lengths[value] as number);
        continue;
      }
      const length = lengthCode[value] as number;
      this.#send(codes[257 + length] as number, lengths[257 + length] as number);
      this.#send(value - (lengthBase[length] as number), LENGTH_EXTRA[length] as number);
      const code = distanceCode[distance - 1] as number;
      this.#send(distanceCodes[code] as number, distanceLengths[code] as number);
      this.#send(distance - 1 - (distanceBase[code] as number), DISTANCE_EXTRA[code] as number);
    }
    this.#send(codes[END_OF_BLOCK] as number, lengths[END_OF_BLOCK] as number);
  }

  #send(value: number, count: number): void {
    this.#bits |= value << this.#bitCount;
    this.#bitCount += count;
    if (this.#bitCount < 16) return;
    if (this.#used > CHUNK_SIZE - MARGIN_SIZE) this.#makeRoom(MARGIN_SIZE);
    this.#out[this.#used++] = this.#bits;
    this.#out[this.#used++] = this.#bits >>> 8;
    this.#bits >>>= 16;
    this.#bitCount -= 16;
  }

  #fillByte(): void {
    this.#makeRoom(2);
    for (; this.#bitCount > 0; this.#bitCount -= 8) {
      this.#out[this.#used++] = this.#bits;
      this.#bits >>>= 8;
    }
    this.#bits = 0;
    this.#bitCount = 0;
  }

  #makeRoom(bytes: number): void {
    if (CHUNK_SIZE - this.#used >= bytes) return;
    this.#onData(this.#out.subarray(0, this.#used));
    this.#out = new Uint8Array(CHUNK_SIZE);
    this.#used = 0;
  }
}

interface Description {
  readonly runs: readonly Run[];
  /** Number of lengths of the code lengths' codes that are sent. */
  readonly sent: number;
  readonly bits: number;
}

/** One symbol of a description, with the number behind it. */
interface Run {
  readonly symbol: number;
  readonly repeat: number;
}

/**
 * Runs of a code's lengths: 16 repeats the last length 3–6 times, 17 and 18 repeat zero 3–10 and 11–138 times.
 * Source: scan_tree().
 */
function* runsOf({ lengths, last }: Huffman): Generator<Run> {
  let before = -1;
  for (let symbol = 0; symbol <= last; ) {
    const length = lengths[symbol] ?? 0;
    let count = 1;
    const most = length === 0 ? 138 : length === before ? 6 : 7;
    while (count < most && symbol + count <= last && lengths[symbol + count] === length) count++;
    symbol += count;
    if (length === 0 && count >= 3) {
      yield count <= 10 ? { symbol: 17, repeat: count - 3 } : { symbol: 18, repeat: count - 11 };
    } else {
      const least = length !== 0 && length !== before ? 4 : 3;
      if (length === 0 || count < least) {
        for (; count > 0; count--) yield { symbol: length, repeat: 0 };
      } else {
        if (length !== before) {
          yield { symbol: length, repeat: 0 };
          count--;
        }
        yield { symbol: 16, repeat: count - 3 };
      }
    }
    before = length;
  }
}

function bytesFor(bits: number): number {
  return (bits + 3 + 7) >>> 3;
}
