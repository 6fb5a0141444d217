import {
  Z_BUF_ERROR,
  Z_FILTERED,
  Z_FINISH,
  Z_NO_FLUSH,
  Z_OK,
  Z_STREAM_END,
  ZStream,
  zlibDeflate,
  zlibDeflateInit2,
} from 'pako';
import { CvdError } from './error.ts';

/** Bytes 512 to 521 of a CVD: its XFL byte was 0 until 2015 and is 2 today (clamav-formats.md §1). */
export const GZIP_HEADER_SIZE = 10;
/** What sigtool writes today. */
export const GZIP_HEADER: Uint8Array = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3);

const CHUNK = 256 * 1024;
/** The start of a gzip header without extra fields. */
const PLAIN_GZIP = [0x1f, 0x8b, 8, 0];
const DEFLATED = 8;
/** The largest window, and a gzip wrapper. */
const GZIP_15 = 15 + 16;

/**
 * Compresses as sigtool does, so that the same tar gives the same bytes: stock zlib's deflate at level 9 with
 * strategy Z_FILTERED. Node's own zlib hashes differently and finds other matches (clamav-formats.md §0.2).
 */
export class Gzip {
  readonly #stream = new ZStream();
  readonly #onData: (chunk: Uint8Array<ArrayBuffer>) => void;
  #header: Uint8Array | undefined;

  /** `onData` owns what it is given. Throws `cvd/gzip` unless `header` is ten bytes that announce no extra fields. */
  constructor(header: Uint8Array, onData: (chunk: Uint8Array<ArrayBuffer>) => void) {
    if (header.length !== GZIP_HEADER_SIZE || !PLAIN_GZIP.every((byte, at) => byte === header[at])) {
      throw new CvdError('cvd/gzip', 'these ten bytes are not a gzip header without extra fields');
    }
    this.#header = Uint8Array.from(header);
    this.#onData = onData;
    const legacyHash = true;
    const status = zlibDeflateInit2(this.#stream, 9, DEFLATED, GZIP_15, 8, Z_FILTERED, legacyHash);
    if (status !== Z_OK) throw new Error('pako refused to start');
  }

  write(chunk: Uint8Array): void {
    this.#stream.input = chunk;
    this.#stream.next_in = 0;
    this.#stream.avail_in = chunk.length;
    while (this.#stream.avail_in > 0) this.#run(Z_NO_FLUSH);
  }

  end(): void {
    while (this.#run(Z_FINISH) !== Z_STREAM_END);
    this.#emit();
  }

  #run(flush: typeof Z_NO_FLUSH | typeof Z_FINISH): number {
    const stream = this.#stream;
    if (stream.avail_out === 0) {
      this.#emit();
      stream.output = new Uint8Array(CHUNK);
      stream.next_out = 0;
      stream.avail_out = CHUNK;
    }
    const status = zlibDeflate(stream, flush);
    if (status !== Z_OK && status !== Z_STREAM_END && status !== Z_BUF_ERROR) {
      throw new Error(`pako failed with status ${status}`);
    }
    return status;
  }

  /** pako wrote a header of its own; the one we were given takes its place. */
  #emit(): void {
    const { output, next_out: length } = this.#stream;
    if (length === 0) return;
    if (this.#header !== undefined) output.set(this.#header);
    this.#header = undefined;
    this.#onData(output.subarray(0, length));
  }
}
