import { createHash } from 'node:crypto';
import {
  CDIFF_HEADER_BYTES as HEADER_LIMIT,
  HEADER_NUMBER,
  SCRIPT_BYTES,
  CDIFF_SIGNATURE_BYTES as SIGNATURE_LIMIT,
} from '../../base/limits/databases.ts';
import { ByteBuffer } from '../bytes.ts';
import { Gunzip } from '../container/gunzip.ts';
import { recognise } from '../container/recognise.ts';
import { CvdError } from '../error.ts';

/** The first part of a CDIFF, `ClamAV-Diff:<version>:<size>:`. Source: shared/cdiff.c, cdiff_apply(). */
export interface CdiffHeader {
  /** The version that the CDIFF leads to. */
  readonly version: number;
  /** Bytes of the inflated script. */
  readonly size: number;
}

/** Receives the parts of a CDIFF in order. Bytes of the script are only valid during the call. */
export interface CdiffHandler {
  header(header: CdiffHeader): void;
  script(chunk: Uint8Array): void;
}

/** The signature of a CDIFF and the digest that it has to sign. */
export interface CdiffSeal {
  /** SHA-256 of the bytes that the signature covers: all before the final colon. */
  readonly signedDigest: Uint8Array;
  readonly dsig: string;
}

/** Seal, size and hash of a CDIFF that was read to its end. */
export interface CdiffTotals extends CdiffSeal {
  /** Bytes of the file. */
  readonly size: number;
  /** SHA-256 of the whole file, in hex. */
  readonly sha256: string;
}

/** Reads a CDIFF from a stream. Parses only: `scripts/verify/cdiff.ts` proves it. */
export class CdiffReader {
  readonly #handler: CdiffHandler;
  readonly #sha256 = createHash('sha256');
  readonly #signed = createHash('sha256');
  #size = 0;
  #head = '';
  #header: CdiffHeader | undefined;
  #gunzip: Gunzip | undefined;
  #tail = '';

  constructor(handler: CdiffHandler) {
    this.#handler = handler;
  }

  /** Throws `CvdError`. */
  write(chunk: Uint8Array): void {
    this.#sha256.update(chunk);
    this.#size += chunk.length;
    let rest = chunk;
    while (this.#gunzip === undefined && rest.length > 0) rest = this.#takeHeader(rest);
    if (this.#gunzip === undefined || rest.length === 0) return;
    const behind = this.#gunzip.write(rest);
    this.#signed.update(rest.subarray(0, rest.length - behind.length));
    this.#tail += Buffer.from(behind).toString('latin1');
    if (this.#tail.length > SIGNATURE_LIMIT) {
      throw new CvdError('cvd/cdiff', `more than ${SIGNATURE_LIMIT} bytes follow the script`);
    }
  }

  /** Throws `CvdError` if the file is incomplete, or its script is not as long as the header says. */
  end(): CdiffTotals {
    if (this.#header === undefined || this.#gunzip === undefined) {
      throw new CvdError('cvd/cdiff', `the CDIFF ends after ${this.#size} bytes, inside its header`);
    }
    this.#gunzip.end();
    if (this.#gunzip.total !== this.#header.size) {
      const [said, found] = [this.#header.size, this.#gunzip.total];
      throw new CvdError('cvd/cdiff', `the CDIFF's header says ${said} bytes of script, here are ${found}`);
    }
    const dsig = parseSignature(this.#tail, this.#size);
    const sha256 = this.#sha256.digest('hex');
    return { size: this.#size, sha256, signedDigest: this.#signed.digest(), dsig };
  }

  /** Takes bytes up to the third colon. Returns the rest. */
  #takeHeader(chunk: Uint8Array): Uint8Array {
    const colon = chunk.indexOf(0x3a);
    const part = colon === -1 ? chunk : chunk.subarray(0, colon + 1);
    this.#signed.update(part);
    this.#head += Buffer.from(part.subarray(0, HEADER_LIMIT)).toString('latin1');
    if (this.#head.length > HEADER_LIMIT || !MAGIC.startsWith(this.#head.slice(0, MAGIC.length))) {
      throw notACdiff(this.#head);
    }
    if (this.#head.split(':').length === 4) {
      this.#header = parseCdiffHeader(this.#head);
      this.#handler.header(this.#header);
      this.#gunzip = new Gunzip((data) => this.#handler.script(data), this.#header.size);
    }
    return chunk.subarray(part.length);
  }
}

/**
 * Reads the seal of a CDIFF where ClamAV finds it, without inflating the script. Source: libclamav_rust/src/cdiff.rs,
 * read_dsig().
 */
export class CdiffSealReader {
  readonly #signed = createHash('sha256');
  readonly #head = new ByteBuffer();
  /** The last bytes so far, which may hold the signature. */
  #tail = Buffer.alloc(0);
  #size = 0;

  write(chunk: Uint8Array): void {
    this.#size += chunk.length;
    this.#head.append(chunk.subarray(0, HEADER_LIMIT - this.#head.length));
    const bytes = Buffer.concat([this.#tail, chunk]);
    const kept = Math.min(bytes.length, SIGNATURE_LIMIT);
    this.#signed.update(bytes.subarray(0, bytes.length - kept));
    this.#tail = bytes.subarray(bytes.length - kept);
  }

  /** Throws `cvd/cdiff`, `cvd/too-large` unless the file begins and ends like a CDIFF. */
  end(): CdiffSeal {
    const head = Buffer.from(this.#head.view()).toString('latin1');
    if (!head.startsWith(MAGIC)) throw notACdiff(head);
    parseCdiffHeader(`${head.split(':', 3).join(':')}:`);
    const colon = Math.max(0, this.#tail.lastIndexOf(':'));
    const dsig = parseSignature(this.#tail.toString('latin1', colon), this.#size);
    this.#signed.update(this.#tail.subarray(0, colon));
    return { signedDigest: this.#signed.digest(), dsig };
  }
}

const MAGIC = 'ClamAV-Diff:';

function notACdiff(start: string): CvdError {
  const { what, advice } = recognise(Buffer.from(start, 'latin1')) ?? {};
  if (what !== undefined)
    return new CvdError('cvd/cdiff', `not a CDIFF: it is ${what}`, advice ? { advice } : {});
  return new CvdError('cvd/cdiff', `not a CDIFF: it starts with ${JSON.stringify(start.slice(0, 24))}`);
}

/** Parses `tail`, which begins at the last colon. `size`: bytes of the whole file. */
function parseSignature(tail: string, size: number): string {
  const dsig = /^:([A-Za-z0-9+/]+)$/.exec(tail)?.[1];
  if (dsig === undefined) throw new CvdError('cvd/cdiff', 'no signature follows the script');
  if (size >= SIGNATURE_LIMIT) return dsig;
  throw new CvdError('cvd/cdiff', `${size} bytes are too few for a CDIFF: ClamAV wants ${SIGNATURE_LIMIT}`);
}

/** Parses `ClamAV-Diff:<version>:<size>:`. Throws `cvd/cdiff`, `cvd/too-large`. */
export function parseCdiffHeader(text: string): CdiffHeader {
  const match = /^ClamAV-Diff:([1-9]\d{0,9}):(0|[1-9]\d{0,11}):$/.exec(text);
  if (match === null)
    throw new CvdError('cvd/cdiff', `the CDIFF's header is malformed: ${JSON.stringify(text)}`);
  const header = { version: Number(match[1]), size: Number(match[2]) };
  if (header.version > HEADER_NUMBER) {
    throw new CvdError(
      'cvd/too-large',
      `the CDIFF leads to version ${header.version}, above ${HEADER_NUMBER}`,
    );
  }
  if (header.size > SCRIPT_BYTES) {
    throw new CvdError(
      'cvd/too-large',
      `the CDIFF's script has ${header.size} bytes, more than ${SCRIPT_BYTES}`,
    );
  }
  return header;
}

/** The first part of a CDIFF: the inverse of `parseCdiffHeader`. */
export function encodeCdiffHeader({ version, size }: CdiffHeader): string {
  return `ClamAV-Diff:${version}:${size}:`;
}
