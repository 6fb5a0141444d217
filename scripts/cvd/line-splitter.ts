import { LINE_BYTES } from '../base/limits/databases.ts';
import { ByteBuffer } from './bytes.ts';
import { CvdError } from './error.ts';

const NEWLINE = 0x0a;

/** Cuts a stream into lines. The bytes of a line, without its newline, are only valid during the call. */
export class LineSplitter {
  readonly #onLine: (line: Uint8Array) => void;
  readonly #partial = new ByteBuffer();

  constructor(onLine: (line: Uint8Array) => void) {
    this.#onLine = onLine;
  }

  /** Throws `cvd/too-large` for a line that no script could hold. */
  write(chunk: Uint8Array): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#end(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  /** Ends a last line that lacks its newline. */
  end(): void {
    if (this.#partial.length > 0) this.#end(new Uint8Array(0));
  }

  #end(rest: Uint8Array): void {
    if (this.#partial.length > 0) {
      this.#keep(rest);
      this.#onLine(this.#partial.view());
      this.#partial.clear();
    } else this.#onLine(rest);
  }

  #keep(bytes: Uint8Array): void {
    if (this.#partial.length + bytes.length > LINE_BYTES)
      throw new CvdError('cvd/too-large', `a line is longer than ${LINE_BYTES} bytes`);
    this.#partial.append(bytes);
  }
}
