import { crc32 } from 'node:zlib';
import { CvdError } from '../error.ts';
import { BlockWriter } from './blocks.ts';
import type { MatchLog } from './match-log.ts';
import { Matcher } from './matcher.ts';

/**
 * Bytes of the gzip header, at offset 512 of a CVD. Its XFL byte was 0 until 2015 and is 2 today (clamav-formats.md
 * §1).
 */
export const GZIP_HEADER_SIZE = 10;
/** Gzip header that sigtool writes today. */
export const GZIP_HEADER: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3);

/** Start of a gzip header without extra fields. */
const PLAIN_GZIP = [0x1f, 0x8b, 8, 0];

/**
 * Compresses like sigtool, so the same tar gives the same bytes: stock zlib's deflate at level 9 with strategy
 * Z_FILTERED and memLevel 8. Node's zlib hashes differently and finds other matches (clamav-formats.md §0.2). Pako
 * finds the same ones in twice the time.
 */
export class Gzip {
  readonly #blocks: BlockWriter;
  readonly #matcher: Matcher;
  #crc = 0;
  #size = 0;

  /**
   * `onData` owns the bytes it gets. `old`: matches of an older tar, compressed in the same way. Throws `cvd/gzip` unless
   * `header` is ten bytes that announce no extra fields.
   */
  constructor(header: Uint8Array, onData: (chunk: Uint8Array<ArrayBuffer>) => void, old?: MatchLog) {
    requirePlainGzip(header);
    this.#blocks = new BlockWriter(onData);
    this.#matcher = new Matcher(this.#blocks, old);
    this.#blocks.bytes(header);
  }

  /** `place`: that of the same bytes in the older tar. */
  write(chunk: Uint8Array, place?: number): void {
    this.#crc = crc32(chunk, this.#crc);
    this.#size += chunk.length;
    this.#matcher.write(chunk, place);
  }

  end(): void {
    this.#matcher.end();
    const trailer = Buffer.alloc(8);
    trailer.writeUInt32LE(this.#crc, 0);
    trailer.writeUInt32LE(this.#size % 2 ** 32, 4);
    this.#blocks.end(trailer);
  }
}

/** Throws `cvd/gzip` unless `header` is ten bytes that announce no extra fields. */
export function requirePlainGzip(header: Uint8Array): void {
  if (header.length === GZIP_HEADER_SIZE && PLAIN_GZIP.every((byte, at) => byte === header[at])) return;
  throw new CvdError('cvd/gzip', 'these ten bytes are not a gzip header without extra fields');
}
