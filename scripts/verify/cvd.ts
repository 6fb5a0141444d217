import { createHash, type Hash } from 'node:crypto';
import { type CvdHandler, CvdReader, type CvdTotals } from '../cvd/archive.ts';
import { verifyHeaderSignature, verifyPssSignature } from '../cvd/dsig.ts';
import { type CvdHeader, encodeHeaderLine, UNSEALED, unseal } from '../cvd/header.ts';
import { type CvdInfo, INFO_LIMIT, infoDigest, parseInfo } from '../cvd/info.ts';
import type { TarEntry } from '../cvd/tar.ts';
import { VerifyError } from './error.ts';
import type { Trust } from './trust.ts';

/** What the one who asks wants the file to be; what is left out may be anything. */
export interface Expected {
  readonly database?: string | undefined;
  readonly version?: number | undefined;
}

/** A CVD of which every byte is accounted for. */
export interface VerifiedCvd extends CvdTotals {
  /** The database's name, from inside the container. */
  readonly database: string;
  readonly header: CvdHeader;
  readonly info: CvdInfo;
}

/**
 * Proves a CVD as it streams by, in one pass and little memory: the header's signature and MD5, the signature
 * of `.info`, that header and `.info` say the same, and that the container holds COPYING, `.info` and exactly
 * the files that `.info` lists, with their sizes and hashes (clamav-formats.md §0.7, §1, §4).
 *
 * `write` and `end` throw `CvdError` or `VerifyError`.
 */
export class CvdVerifier implements CvdHandler {
  readonly #trust: Trust;
  readonly #expected: Expected;
  readonly #reader = new CvdReader(this);
  readonly #found = new Map<string, { size: number; hash: Hash }>();
  #header: CvdHeader | undefined;
  #infoName: string | undefined;
  #infoBytes: Uint8Array[] = [];
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
    const header = this.#header;
    if (header === undefined || this.#infoName === undefined) {
      throw new VerifyError('verify/mismatch', 'the container holds no .info');
    }
    if (totals.md5 !== header.md5) {
      throw new VerifyError('verify/mismatch', `the MD5 is ${totals.md5}, the header says ${header.md5}`);
    }
    const info = parseInfo(Buffer.concat(this.#infoBytes));
    verifyPssSignature(infoDigest(info), info.dsig, this.#trust.keys.info);
    if (encodeHeaderLine(unseal(header)) !== encodeHeaderLine(info.header)) {
      throw new VerifyError('verify/mismatch', 'the header is not the one that .info signs');
    }
    requireListedFiles(info, this.#infoName, this.#found);
    return { ...totals, database: this.#infoName.slice(0, -'.info'.length), header, info };
  }

  header(header: CvdHeader): void {
    this.#header = verifyHeader(header, this.#trust, this.#expected.version);
  }

  entry(entry: TarEntry): void {
    const hash = createHash('sha256');
    this.#found.set(entry.name, { size: entry.size, hash });
    this.#current = { entry, hash };
    if (entry.name.endsWith('.info')) this.#startInfo(entry);
  }

  data(chunk: Uint8Array): void {
    this.#current?.hash.update(chunk);
    if (this.#current?.entry.name === this.#infoName) this.#infoBytes.push(Uint8Array.from(chunk));
  }

  /** Any signed database loads under any name (§6), so the name inside is the one that counts. */
  #startInfo({ name, size }: TarEntry): void {
    const wanted = this.#expected.database;
    if (wanted !== undefined && name !== `${wanted}.info`) {
      throw new VerifyError('verify/wrong-database', `this is database ${name.slice(0, -5)}, not ${wanted}`);
    }
    if (this.#infoName !== undefined)
      throw new VerifyError('verify/mismatch', 'the container holds two .info');
    if (size > INFO_LIMIT) throw new VerifyError('verify/format', `${name} has ${size} bytes`);
    this.#infoName = name;
  }
}

/** Proves a header by itself: sealed, signed, and of the expected version. Returns it. */
export function verifyHeader(header: CvdHeader, trust: Trust, version?: number): CvdHeader {
  if (header.md5 === UNSEALED) {
    throw new VerifyError(
      'verify/signature',
      'the header is not signed: this is a CLD, which freshclam built locally',
    );
  }
  verifyHeaderSignature(header.md5, header.dsig, trust.keys.header);
  if (version !== undefined && header.version !== version) {
    throw new VerifyError('verify/wrong-version', `this is version ${header.version}, not ${version}`);
  }
  return header;
}

/** ClamAV accepts a container that lacks a listed file; `.info` lists neither itself nor COPYING (§0.7, §4). */
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
  if (!found.has('COPYING'))
    throw new VerifyError('verify/mismatch', 'COPYING is missing from the container');
  const listed = new Set(info.files.map((file) => file.name)).add(infoName).add('COPYING');
  const stray = [...found.keys()].find((name) => !listed.has(name));
  if (stray !== undefined) throw new VerifyError('verify/mismatch', `.info does not list ${stray}`);
}
