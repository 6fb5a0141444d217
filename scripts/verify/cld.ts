import { createHash, type Hash } from 'node:crypto';
import { type CvdHandler, CvdReader } from '../cvd/archive.ts';
import { verifyPssSignature } from '../cvd/dsig.ts';
import { type CvdHeader, encodeHeaderLine, UNSEALED } from '../cvd/header.ts';
import { INFO_LIMIT, infoDigest, parseInfo } from '../cvd/info.ts';
import type { TarEntry } from '../cvd/tar.ts';
import { requireListedFiles } from './cvd.ts';
import { VerifyError } from './error.ts';
import type { Trust } from './trust.ts';

/**
 * Proves a CLD, which freshclam made of a CVD and CDIFFs, as it streams by. No signature covers its header; but each CDIFF
 * brings the next `.info`, which Talos signed and which says what the header has to be and what files there are. ClamAV
 * minds neither another header nor a file that is missing (clamav-formats.md §0.7). COPYING may be anything (§4).
 *
 * `write` and `end` throw `CvdError` or `VerifyError`.
 */
export class CldVerifier implements CvdHandler {
  readonly #trust: Trust;
  readonly #infoName: string;
  readonly #reader = new CvdReader(this);
  readonly #found = new Map<string, { size: number; hash: Hash }>();
  readonly #infoBytes: Uint8Array[] = [];
  #header: CvdHeader | undefined;
  #current: { name: string; hash: Hash } | undefined;

  constructor(trust: Trust, database: string) {
    this.#trust = trust;
    this.#infoName = `${database}.info`;
  }

  write(chunk: Uint8Array): void {
    this.#reader.write(chunk);
  }

  end(): CvdHeader {
    this.#reader.end();
    if (this.#header === undefined || !this.#found.has(this.#infoName)) {
      throw new VerifyError('verify/wrong-database', `the container holds no ${this.#infoName}`);
    }
    const info = parseInfo(Buffer.concat(this.#infoBytes));
    verifyPssSignature(infoDigest(info), info.dsig, this.#trust.keys.info);
    if (encodeHeaderLine(this.#header) !== encodeHeaderLine(info.header)) {
      throw new VerifyError('verify/mismatch', 'the header is not the one that .info signs');
    }
    requireListedFiles(info, this.#infoName, this.#found);
    return this.#header;
  }

  header(header: CvdHeader): void {
    if (header.md5 !== UNSEALED)
      throw new VerifyError('verify/format', 'this is no CLD: its header is sealed');
    this.#header = header;
  }

  entry({ name, size }: TarEntry): void {
    if (this.#found.has(name)) throw new VerifyError('verify/mismatch', `the container holds two ${name}`);
    if (name === this.#infoName && size > INFO_LIMIT)
      throw new VerifyError('verify/format', `${name} has ${size} bytes`);
    const hash = createHash('sha256');
    this.#found.set(name, { size, hash });
    this.#current = { name, hash };
  }

  data(chunk: Uint8Array): void {
    this.#current?.hash.update(chunk);
    if (this.#current?.name === this.#infoName) this.#infoBytes.push(Uint8Array.from(chunk));
  }
}
