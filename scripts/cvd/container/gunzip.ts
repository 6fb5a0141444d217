import { Z_BUF_ERROR, Z_NO_FLUSH, Z_OK, Z_STREAM_END, ZStream, zlibInflate, zlibInflateInit2 } from 'pako';
import { INFLATION } from '../../base/limits/databases.ts';
import { CvdError } from '../error.ts';

const GZIP_ONLY = 15 + 16;
const OUTPUT_SIZE = 64 * 1024;

/**
 * Inflates exactly one gzip member, chunk by chunk, to at most `limit` bytes, and to no more than `INFLATION` allows
 * for the compressed bytes so far. The bytes given to `onData` are only valid during the call.
 */
export class Gunzip {
  readonly #stream = new ZStream();
  readonly #output = new Uint8Array(OUTPUT_SIZE);
  readonly #onData: (chunk: Uint8Array) => void;
  readonly #limit: number;
  #total = 0;
  /** Compressed bytes before the current chunk. */
  #consumed = 0;
  #ended = false;

  constructor(onData: (chunk: Uint8Array) => void, limit: number) {
    this.#onData = onData;
    this.#limit = limit;
    if (zlibInflateInit2(this.#stream, GZIP_ONLY) !== Z_OK) throw new Error('pako refused to start');
  }

  /** True once the member's checksum has been read and found right. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes inflated so far. */
  get total(): number {
    return this.#total;
  }

  /** Takes compressed bytes. Returns those behind the end of the member. Throws `cvd/gzip`, `cvd/too-large`. */
  write(chunk: Uint8Array): Uint8Array {
    if (this.#ended) return chunk;
    const stream = this.#stream;
    stream.input = chunk;
    stream.next_in = 0;
    stream.avail_in = chunk.length;
    for (;;) {
      stream.output = this.#output;
      stream.next_out = 0;
      stream.avail_out = OUTPUT_SIZE;
      const status = zlibInflate(stream, Z_NO_FLUSH);
      this.#emit(stream.next_out, this.#consumed + stream.next_in);
      if (status === Z_STREAM_END) {
        this.#ended = true;
        return chunk.subarray(stream.next_in);
      }
      if (status !== Z_OK && status !== Z_BUF_ERROR) {
        throw new CvdError(
          'cvd/gzip',
          `the compressed data is damaged: ${stream.msg || `zlib status ${status}`}`,
        );
      }
      if (stream.avail_in === 0 && stream.avail_out > 0) {
        this.#consumed += chunk.length;
        return chunk.subarray(chunk.length);
      }
    }
  }

  /** Ends the input. Throws `cvd/gzip` if the member is incomplete. */
  end(): void {
    if (!this.#ended) throw new CvdError('cvd/gzip', 'the compressed data ends early');
  }

  #emit(length: number, consumed: number): void {
    this.#total += length;
    requireBounded(this.#total, consumed, this.#limit);
    if (length > 0) this.#onData(this.#output.subarray(0, length));
  }
}

/**
 * Requires `consumed` compressed bytes to have become no more than `limit` bytes, and no more than `INFLATION` allows.
 * Throws `cvd/too-large`.
 */
export function requireBounded(total: number, consumed: number, limit: number): void {
  if (total > limit) throw new CvdError('cvd/too-large', `the data inflates to more than ${limit} bytes`);
  if (total > INFLATION.free + INFLATION.ratio * consumed) {
    throw new CvdError('cvd/too-large', `${consumed} bytes inflate to more than ${INFLATION.ratio} times`);
  }
}
