import { createHash } from 'node:crypto';
import { CvdError } from './error.ts';
import { Gunzip } from './gzip.ts';
import { type CvdHeader, HEADER_SIZE, parseHeader, UNSEALED } from './header.ts';
import { type TarHandler, TarReader } from './tar.ts';

/** Inflated bytes a container may have: production's main.cvd inflates to about 0.4 GB. */
export const CONTAINER_LIMIT = 4 * 1024 ** 3;

/** What a `CvdReader` tells, in order. */
export interface CvdHandler extends TarHandler {
  header(header: CvdHeader): void;
}

/** What is known of a database file once all of it has been read. */
export interface CvdTotals {
  /** Bytes of the file. */
  readonly size: number;
  /** Of the whole file, in hex. */
  readonly sha256: string;
  /** Of all bytes from offset 512 on, in hex: what a CVD's header must name. */
  readonly md5: string;
}

/**
 * Reads a CVD or CLD as it streams by: 512 bytes of header, then a gzipped tar; only a CLD's tar may be plain
 * (clamav-formats.md §1). It parses and proves nothing: `scripts/verify/cvd.ts` does.
 */
export class CvdReader {
  readonly #handler: CvdHandler;
  readonly #head = Buffer.alloc(HEADER_SIZE);
  readonly #md5 = createHash('md5');
  readonly #sha256 = createHash('sha256');
  readonly #tar: TarReader;
  readonly #gunzip: Gunzip;
  #size = 0;
  #plain: boolean | undefined;
  #mayBePlain = false;

  constructor(handler: CvdHandler, limit = CONTAINER_LIMIT) {
    this.#handler = handler;
    this.#tar = new TarReader(handler);
    this.#gunzip = new Gunzip((chunk) => this.#tar.write(chunk), limit);
  }

  /** Throws `CvdError`. */
  write(chunk: Uint8Array): void {
    this.#sha256.update(chunk);
    const head = chunk.subarray(0, Math.max(0, HEADER_SIZE - this.#size));
    this.#head.set(head, Math.min(this.#size, HEADER_SIZE));
    this.#size += chunk.length;
    if (head.length > 0 && this.#size >= HEADER_SIZE) this.#takeHeader();
    if (head.length < chunk.length) this.#takeBody(chunk.subarray(head.length));
  }

  /** Throws `CvdError` if the file is not complete. */
  end(): CvdTotals {
    if (this.#size <= HEADER_SIZE) {
      throw new CvdError(
        'cvd/container',
        `the file ends after ${this.#size} bytes, inside or right after its header`,
      );
    }
    if (this.#plain !== true) this.#gunzip.end();
    this.#tar.end();
    return { size: this.#size, sha256: this.#sha256.digest('hex'), md5: this.#md5.digest('hex') };
  }

  #takeHeader(): void {
    const header = parseHeader(this.#head);
    this.#mayBePlain = header.md5 === UNSEALED;
    this.#handler.header(header);
  }

  #takeBody(chunk: Uint8Array): void {
    this.#md5.update(chunk);
    this.#plain ??= this.#mayBePlain && chunk[0] !== 0x1f;
    if (this.#plain) {
      this.#tar.write(chunk);
    } else if (this.#gunzip.write(chunk).length > 0) {
      throw new CvdError('cvd/container', 'something follows the compressed data');
    }
  }
}
