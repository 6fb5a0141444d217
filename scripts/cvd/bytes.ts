/** Growing bytes in one piece, whose memory is used again after `clear`. */
export class ByteBuffer {
  #buffer = new Uint8Array(0);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.length;
    if (length > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#buffer.length, 64));
      grown.set(this.view());
      this.#buffer = grown;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  /** The bytes, valid until the next `append`. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }
}

const PIECE_SIZE = 64 * 1024;

/** Many small copies in a few pieces: a typed array for each line would cost more than the line. */
export class ByteStore {
  readonly #pieces: Uint8Array[] = [];
  #total = 0;
  /** Used bytes of the last piece. */
  #used = 0;

  /** Copies `parts`, one behind the other, into one piece. Returns the piece and the offset in it. */
  put(...parts: readonly Uint8Array[]): { piece: Uint8Array; at: number } {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    let piece = this.#pieces.at(-1);
    if (piece === undefined || this.#used + length > piece.length) {
      this.#trim();
      piece = new Uint8Array(Math.max(length, Math.min(this.#total, PIECE_SIZE)));
      this.#pieces.push(piece);
      this.#used = 0;
    }
    const at = this.#used;
    for (const part of parts) {
      piece.set(part, this.#used);
      this.#used += part.length;
    }
    this.#total += length;
    return { piece, at };
  }

  /** All bytes that were put, in order. */
  pieces(): readonly Uint8Array[] {
    this.#trim();
    return this.#pieces;
  }

  #trim(): void {
    const last = this.#pieces.pop();
    if (last !== undefined) this.#pieces.push(last.subarray(0, this.#used));
  }
}

/** All of `chunks` in one piece, or `undefined` if they are more than `limit` bytes. */
export function collect(chunks: Iterable<Uint8Array>, limit: number): Uint8Array | undefined {
  const buffer = new ByteBuffer();
  for (const chunk of chunks) {
    if (buffer.length + chunk.length > limit) return undefined;
    buffer.append(chunk);
  }
  return buffer.view();
}
