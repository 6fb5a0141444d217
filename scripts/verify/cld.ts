import { createHash, type Hash } from 'node:crypto';
import {
  COPYING_BYTES,
  INFO_BYTES,
  LEFTOVER_BYTES,
  LEFTOVER_FILES,
  LOADED_FILES,
} from '../base/limits/databases.ts';
import { type CvdHandler, CvdReader, type CvdTotals } from '../cvd/container/reader.ts';
import type { TarEntry } from '../cvd/container/tar.ts';
import { isInfo, isLeftover } from '../cvd/database-extensions.ts';
import { verifyPssSignature } from '../cvd/dsig.ts';
import { type CvdHeader, encodeHeaderLine, UNSEALED } from '../cvd/header.ts';
import { type CvdInfo, infoDigest, parseInfo } from '../cvd/info.ts';
import { type Expected, MISNAMED, requireListedFiles } from './cvd.ts';
import { VerifyError } from './error.ts';
import type { Trust } from './trust.ts';

/** A CLD in which everything that ClamAV loads is proven. */
export interface VerifiedCld extends Omit<CvdTotals, 'md5'> {
  /** Name of the database, from inside the container. */
  readonly database: string;
  readonly header: CvdHeader;
  readonly info: CvdInfo;
  /** Number of files that ClamAV does not load. Nothing is known about them. */
  readonly leftovers: number;
}

/**
 * Proves, from a stream, everything that ClamAV loads of a CLD, which freshclam made of a CVD and CDIFFs. No signature
 * covers the header or the whole file. But each CDIFF brings the next `.info`, which Talos signed and which names the
 * header and all files. ClamAV accepts another header and a missing file (clamav-formats.md §0.7); this does not.
 * COPYING may be anything (§4), and so may files that ClamAV does not load: freshclam ≥ 1.5 leaves each applied CDIFF
 * in the CLD, with its `.sign`, and its notes about the mirror.
 *
 * `write` and `end` throw `CvdError` or `VerifyError`.
 */
export class CldVerifier implements CvdHandler {
  readonly #trust: Trust;
  readonly #expected: Expected;
  readonly #reader = new CvdReader(this);
  readonly #found = new Map<string, { size: number; hash: Hash }>();
  readonly #infoBytes: Uint8Array[] = [];
  #infoName: string | undefined;
  #header: CvdHeader | undefined;
  #current: { name: string; hash: Hash } | undefined;
  #leftovers = { count: 0, size: 0 };

  constructor(trust: Trust, expected: Expected = {}) {
    this.#trust = trust;
    this.#expected = expected;
  }

  write(chunk: Uint8Array): void {
    this.#reader.write(chunk);
  }

  end(): VerifiedCld {
    const { size, sha256 } = this.#reader.end();
    const [header, infoName] = [this.#header, this.#infoName];
    if (header === undefined || infoName === undefined) {
      const wanted = `${this.#expected.database ?? ''}.info`;
      throw new VerifyError('verify/wrong-database', `the container holds no ${wanted}`);
    }
    const info = parseInfo(Buffer.concat(this.#infoBytes));
    verifyPssSignature(infoDigest(info), info.dsig, this.#trust.keys.info);
    if (encodeHeaderLine(header) !== encodeHeaderLine(info.header)) {
      throw new VerifyError('verify/mismatch', 'the header is not the one that .info signs');
    }
    const listed = new Set(info.files.map(({ name }) => name));
    const counted = [...this.#found].filter(([name]) => listed.has(name) || !isLeftover(name));
    requireListedFiles(info, infoName, new Map(counted));
    const leftovers = this.#found.size - counted.length;
    return { size, sha256, database: infoName.slice(0, -'.info'.length), header, info, leftovers };
  }

  header(header: CvdHeader): void {
    if (header.md5 !== UNSEALED)
      throw new VerifyError('verify/format', 'this is not a CLD: its header is sealed');
    const { version } = this.#expected;
    if (version !== undefined && header.version !== version)
      throw new VerifyError('verify/wrong-version', `this is version ${header.version}, not ${version}`);
    this.#header = header;
  }

  entry({ name, size }: TarEntry): void {
    if (this.#found.has(name)) throw new VerifyError('verify/mismatch', `the container holds two ${name}`);
    if (isInfo(name)) this.#startInfo(name, size);
    if (name === 'COPYING' && size > COPYING_BYTES)
      throw new VerifyError('verify/format', `${name} has ${size} bytes`);
    if (isLeftover(name)) this.#countLeftover(size);
    else if (this.#found.size - this.#leftovers.count >= LOADED_FILES)
      throw new VerifyError('verify/format', `the container holds more than ${LOADED_FILES} files`);
    const hash = createHash('sha256');
    this.#found.set(name, { size, hash });
    this.#current = { name, hash };
  }

  data(chunk: Uint8Array): void {
    this.#current?.hash.update(chunk);
    if (this.#current?.name === this.#infoName) this.#infoBytes.push(Uint8Array.from(chunk));
  }

  /** Requires a single `.info`: ClamAV believes the first one, whatever its name, and freshclam the database's own. */
  #startInfo(name: string, size: number): void {
    const { database } = this.#expected;
    if (this.#infoName !== undefined)
      throw new VerifyError('verify/mismatch', 'the container holds two .info');
    if (database !== undefined && name !== `${database}.info`) {
      const found = JSON.stringify(name.slice(0, -'.info'.length));
      const what = `this is the database ${found}, under the name ${database}.cld`;
      throw new VerifyError('verify/wrong-database', what, { advice: MISNAMED });
    }
    if (!name.endsWith('.info')) throw new VerifyError('verify/format', `${name} is not a name for a .info`);
    if (size > INFO_BYTES) throw new VerifyError('verify/format', `${name} has ${size} bytes`);
    this.#infoName = name;
  }

  #countLeftover(size: number): void {
    this.#leftovers.count++;
    this.#leftovers.size += size;
    if (this.#leftovers.count > LEFTOVER_FILES || this.#leftovers.size > LEFTOVER_BYTES) {
      const { count, size: bytes } = this.#leftovers;
      throw new VerifyError(
        'verify/format',
        `the container holds too much that ClamAV does not load: ${count} files of ${bytes} bytes so far`,
      );
    }
  }
}
