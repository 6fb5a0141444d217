import { createHash, type Hash } from 'node:crypto';
import { ByteBuffer } from '../cvd/bytes.ts';
import { type CvdHandler, CvdReader, type CvdTotals } from '../cvd/container/reader.ts';
import { recognise } from '../cvd/container/recognise.ts';
import type { TarEntry } from '../cvd/container/tar.ts';
import { COPYING } from '../cvd/container/writer.ts';
import { verifyHeaderSignature, verifyPssSignature } from '../cvd/dsig.ts';
import {
  type CvdHeader,
  encodeHeaderLine,
  HEADER_SIZE,
  parseHeader,
  UNSEALED,
  unseal,
} from '../cvd/header.ts';
import { type CvdInfo, infoDigest, parseInfo } from '../cvd/info.ts';
import { VerifyError } from './error.ts';
import type { Trust } from './trust.ts';

/** Advice about a genuine file under a wrong name. */
export const MISNAMED = 'Its content may be good. Find out why it has that name';

/** Database and version that a file must have; `undefined`: any. */
export interface Expected {
  readonly database?: string | undefined;
  readonly version?: number | undefined;
}

/** A CVD of which every byte is proven. */
export interface VerifiedCvd extends CvdTotals {
  /** Name of the database, from inside the container. */
  readonly database: string;
  readonly header: CvdHeader;
  readonly info: CvdInfo;
}

/**
 * Proves a CVD from a stream, in one pass and little memory: the signature and MD5 of the header, the signature of
 * `.info`, the same values in both, and a container of COPYING, `.info` and exactly the files that `.info` lists, with
 * their sizes and hashes (clamav-formats.md §0.7, §1, §4). Each wrong byte is refused as soon as it arrives.
 * `SealVerifier` can prove before that that Talos made the bytes.
 *
 * `write` and `end` throw `CvdError` or `VerifyError`.
 */
export class CvdVerifier implements CvdHandler {
  readonly #trust: Trust;
  readonly #expected: Expected;
  readonly #reader = new CvdReader(this);
  readonly #found = new Map<string, { size: number; hash: Hash }>();
  readonly #infoBytes = new ByteBuffer();
  #header: CvdHeader | undefined;
  #infoName: string | undefined;
  /** `.info`, set once all of it has been read and proven. */
  #info: CvdInfo | undefined;
  #current: { entry: TarEntry; hash: Hash } | undefined;

  constructor(trust: Trust, expected: Expected = {}) {
    this.#trust = trust;
    this.#expected = expected;
  }

  write(chunk: Uint8Array): void {
    this.#reader.write(chunk);
  }

  end(): VerifiedCvd {
    const totals = this.#reader.end();
    const [header, info] = [this.#header, this.#info];
    if (header === undefined || info === undefined || this.#infoName === undefined) {
      throw new VerifyError('verify/mismatch', 'the container holds no .info');
    }
    if (totals.md5 !== header.md5) {
      throw new VerifyError('verify/mismatch', `the MD5 is ${totals.md5}, the header says ${header.md5}`);
    }
    requireListedFiles(info, this.#infoName, this.#found);
    return { ...totals, database: this.#infoName.slice(0, -'.info'.length), header, info };
  }

  header(header: CvdHeader): void {
    this.#header = verifyHeader(header, this.#trust, this.#expected.version);
  }

  entry(entry: TarEntry): void {
    if (this.#info !== undefined) requireListed(this.#info, entry);
    const hash = createHash('sha256');
    this.#found.set(entry.name, { size: entry.size, hash });
    this.#current = { entry, hash };
    if (entry.name.endsWith('.info')) this.#startInfo(entry);
  }

  data(chunk: Uint8Array): void {
    this.#current?.hash.update(chunk);
    if (this.#infoName === undefined || this.#current?.entry.name !== this.#infoName) return;
    this.#infoBytes.append(chunk);
    if (this.#infoBytes.length === this.#current.entry.size) this.#takeInfo(this.#infoName);
  }

  #takeInfo(name: string): void {
    const info = parseInfo(this.#infoBytes.view());
    verifyPssSignature(infoDigest(info), info.dsig, this.#trust.keys.info);
    if (
      this.#header === undefined ||
      encodeHeaderLine(unseal(this.#header)) !== encodeHeaderLine(info.header)
    ) {
      throw new VerifyError('verify/mismatch', 'the header is not the one that .info signs');
    }
    this.#info = info;
    for (const [earlier, { size }] of this.#found) {
      if (earlier !== name) requireListed(info, { name: earlier, size });
    }
  }

  /** Takes the name of the database from inside, because any signed database loads under any name (§6). */
  #startInfo({ name }: TarEntry): void {
    const wanted = this.#expected.database;
    if (wanted !== undefined && name !== `${wanted}.info`) {
      const what = `this is the database ${name.slice(0, -5)}, under the name ${wanted}.cvd`;
      throw new VerifyError('verify/wrong-database', what, { advice: MISNAMED });
    }
    if (this.#infoName !== undefined)
      throw new VerifyError('verify/mismatch', 'the container holds two .info');
    this.#infoName = name;
  }
}

/**
 * Proves that Talos sealed a CVD, without inflating or parsing its content: the header's signature, and its MD5 over
 * all compressed bytes. So `CvdVerifier` parses only bytes that Talos made. `write` and `end` throw `CvdError` or
 * `VerifyError`: `verify/format` for a file that is damaged or cut.
 */
export class SealVerifier {
  readonly #trust: Trust;
  readonly #expected: Expected;
  readonly #md5 = createHash('md5');
  readonly #head = new ByteBuffer();
  #header: CvdHeader | undefined;

  constructor(trust: Trust, expected: Expected = {}) {
    this.#trust = trust;
    this.#expected = expected;
  }

  write(chunk: Uint8Array): void {
    const head = chunk.subarray(0, HEADER_SIZE - this.#head.length);
    if (head.length > 0) this.#takeHead(head);
    this.#md5.update(chunk.subarray(head.length));
  }

  end(): void {
    if (this.#header === undefined) {
      const [size, other] = [this.#head.length, recognise(this.#head.view())];
      if (other !== undefined) {
        throw new VerifyError('verify/format', `not a ClamAV database: it is ${other.what}`, {
          advice: other.advice,
        });
      }
      throw new VerifyError('verify/format', `the file ends after ${size} bytes, inside its header`);
    }
    const md5 = this.#md5.digest('hex');
    if (md5 === this.#header.md5) return;
    throw new VerifyError(
      'verify/format',
      `damaged or cut: the MD5 is ${md5}, the header says ${this.#header.md5}`,
    );
  }

  #takeHead(bytes: Uint8Array): void {
    this.#head.append(bytes);
    if (this.#head.length < HEADER_SIZE) return;
    this.#header = verifyHeader(parseHeader(this.#head.view()), this.#trust, this.#expected.version);
  }
}

/** Proves that a header is sealed, signed, and of the expected version. Returns it. */
export function verifyHeader(header: CvdHeader, trust: Trust, version?: number): CvdHeader {
  if (header.md5 === UNSEALED) {
    throw new VerifyError(
      'verify/format',
      'the header is not signed: this is a CLD, which freshclam built locally, under the name of a CVD',
      { advice: 'Serve CVDs, which Talos signed, and not the database folder of a freshclam' },
    );
  }
  verifyHeaderSignature(header.md5, header.dsig, trust.keys.header);
  if (version !== undefined && header.version !== version) {
    throw new VerifyError('verify/wrong-version', `this is version ${header.version}, not ${version}`);
  }
  return header;
}

function requireListed(info: CvdInfo, { name, size }: TarEntry): void {
  if (name === COPYING) return;
  const listed = info.files.find((file) => file.name === name);
  if (listed === undefined) throw new VerifyError('verify/mismatch', `.info does not list ${name}`);
  if (listed.size !== size) {
    throw new VerifyError('verify/mismatch', `${name} has ${size} bytes, .info says ${listed.size}`);
  }
}

/**
 * Requires exactly the files that `.info` lists, with COPYING and `.info`, which it does not list (§4). ClamAV accepts
 * a container that lacks a listed file (§0.7).
 */
export function requireListedFiles(
  info: CvdInfo,
  infoName: string,
  found: ReadonlyMap<string, { size: number; hash: Hash }>,
): void {
  for (const file of info.files) {
    const there = found.get(file.name);
    if (there === undefined)
      throw new VerifyError('verify/mismatch', `${file.name} is missing from the container`);
    if (there.size !== file.size || there.hash.digest('hex') !== file.sha256) {
      throw new VerifyError('verify/mismatch', `${file.name} is not the file that .info lists`);
    }
  }
  if (!found.has(COPYING)) throw new VerifyError('verify/mismatch', 'COPYING is missing from the container');
  const listed = new Set(info.files.map((file) => file.name)).add(infoName).add(COPYING);
  const stray = [...found.keys()].find((name) => !listed.has(name));
  if (stray !== undefined) throw new VerifyError('verify/mismatch', `.info does not list ${stray}`);
}
