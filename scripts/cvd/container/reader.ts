import { createHash } from 'node:crypto';
import {
  CLD_ENTRIES,
  CONTAINER_BYTES,
  COPYING_BYTES,
  CVD_ENTRIES,
  INFO_BYTES,
} from '../../base/limits/databases.ts';
import { Inflate, type MatchListener } from '../deflate/inflate.ts';
import { CvdError } from '../error.ts';
import { type CvdHeader, HEADER_SIZE, parseHeader, UNSEALED } from '../header.ts';
import { Gunzip } from './gunzip.ts';
import { type TarEntry, type TarHandler, type TarLimits, TarReader } from './tar.ts';

/** Receives the header, then the entries and their data. */
export interface CvdHandler extends TarHandler {
  header(header: CvdHeader): void;
  /** Gets each match that the compressed tar is made of, if it is given. */
  readonly match?: MatchListener | undefined;
}

/** Size and hashes of a database file that was read to its end. */
export interface CvdTotals {
  /** Bytes of the file. */
  readonly size: number;
  /** SHA-256 of the whole file, in hex. */
  readonly sha256: string;
  /** MD5 of all bytes from offset 512 on, in hex. A CVD's header must name it. */
  readonly md5: string;
}

/**
 * Reads a CVD or CLD from a stream: 512 bytes of header, then a gzipped tar. Only a CLD's tar may be plain
 * (clamav-formats.md §1). Parses only: `scripts/verify/cvd.ts` proves it.
 */
export class CvdReader {
  readonly #handler: CvdHandler;
  readonly #limits: TarLimits;
  readonly #head = Buffer.alloc(HEADER_SIZE);
  readonly #md5 = createHash('md5');
  readonly #sha256 = createHash('sha256');
  #size = 0;
  /** Reader of the bytes after the header. */
  #body: Body | undefined;
  #isSealed = true;

  /** `limits`: by default those of a CVD or of a CLD, depending on the header. */
  constructor(handler: CvdHandler, limits: TarLimits = {}) {
    this.#handler = handler;
    this.#limits = limits;
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
    if (this.#body === undefined) {
      throw new CvdError(
        'cvd/container',
        `the file ends after ${this.#size} bytes, inside or right after its header`,
      );
    }
    this.#body.end();
    return { size: this.#size, sha256: this.#sha256.digest('hex'), md5: this.#md5.digest('hex') };
  }

  #takeHeader(): void {
    const header = parseHeader(this.#head);
    this.#isSealed = header.md5 !== UNSEALED;
    this.#handler.header(header);
  }

  #takeBody(chunk: Uint8Array): void {
    this.#md5.update(chunk);
    this.#body ??= this.#begin(chunk[0] === GZIP_START);
    this.#body.write(chunk);
  }

  #begin(isCompressed: boolean): Body {
    const entries = this.#isSealed ? CVD_ENTRIES : CLD_ENTRIES;
    const limits = { entries, size: CONTAINER_BYTES, ...this.#limits };
    const tar = new TarReader(bounded(this.#handler), limits);
    return this.#isSealed || isCompressed ? new CompressedBody(tar, limits.size, this.#handler.match) : tar;
  }
}

const GZIP_START = 0x1f;

interface Body {
  write(chunk: Uint8Array): void;
  end(): void;
}

/** Reads a tar that is exactly one gzip member. */
class CompressedBody implements Body {
  readonly #tar: TarReader;
  readonly #gunzip: Gunzip | Inflate;

  constructor(tar: TarReader, limit: number, match: MatchListener | undefined) {
    this.#tar = tar;
    const data = (chunk: Uint8Array) => tar.write(chunk);
    this.#gunzip = match === undefined ? new Gunzip(data, limit) : new Inflate({ data, match }, limit);
  }

  write(chunk: Uint8Array): void {
    if (this.#gunzip.write(chunk).length === 0) return;
    throw new CvdError('cvd/container', 'something follows the compressed data');
  }

  end(): void {
    this.#gunzip.end();
    this.#tar.end();
  }
}

/** Refuses a COPYING or `.info` that is too long: the first is unsigned, and readers hold both in memory. */
function bounded(handler: TarHandler): TarHandler {
  return {
    entry: (entry) => {
      requireSize(entry);
      handler.entry(entry);
    },
    data: (chunk) => handler.data(chunk),
  };
}

function requireSize({ name, size }: TarEntry): void {
  const limit = name === 'COPYING' ? COPYING_BYTES : /\.info$/i.test(name) ? INFO_BYTES : undefined;
  if (limit === undefined || size <= limit) return;
  throw new CvdError('cvd/too-large', `${name} has ${size} bytes, more than ${limit}`);
}
