import type { Command } from '../cvd/cdiff/command.ts';
import {
  type CdiffHandler,
  type CdiffHeader,
  CdiffReader,
  CdiffSealReader,
  type CdiffTotals,
} from '../cvd/cdiff/reader.ts';
import { ScriptParser } from '../cvd/cdiff/script.ts';
import { verifyPssSignature } from '../cvd/dsig.ts';
import { type Expected, MISNAMED } from './cvd.ts';
import { VerifyError } from './error.ts';
import type { Trust } from './trust.ts';

/** A CDIFF whose signature covers every byte. `empty` tells clients to take the full CVD (§3). */
export interface VerifiedCdiff extends Omit<CdiffTotals, 'signedDigest' | 'dsig'> {
  /** `undefined` for an empty CDIFF. */
  readonly database: string | undefined;
  readonly version: number;
  readonly empty: boolean;
}

/**
 * Proves a CDIFF from a stream: its signature and size, and a well-formed script for exactly one database. `write` and
 * `end` throw `CvdError` or `VerifyError`.
 */
export class CdiffVerifier implements CdiffHandler {
  readonly #trust: Trust;
  readonly #expected: Expected;
  readonly #reader = new CdiffReader(this);
  readonly #script = new ScriptParser((command) => this.#command(command));
  #header: CdiffHeader | undefined;
  /** Databases whose `.info` the script opens: exactly one, because every step changes the version. */
  readonly #databases = new Set<string>();
  #empty = true;

  /** `expected`: database and version by the file's name, which ClamAV does not compare with the content. */
  constructor(trust: Trust, expected: Expected = {}) {
    this.#trust = trust;
    this.#expected = expected;
  }

  write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#empty = false;
    this.#reader.write(chunk);
  }

  end(): VerifiedCdiff {
    if (this.#empty) return emptyCdiff(this.#expected.version);
    const { signedDigest, dsig, ...totals } = this.#reader.end();
    verifyPssSignature(signedDigest, dsig, this.#trust.keys.cdiff);
    this.#script.end();
    const [database] = this.#databases;
    if (database === undefined) throw notOneDatabase();
    if (this.#expected.database !== undefined && database !== this.#expected.database) {
      const wanted = this.#expected.database;
      const what = `this CDIFF is for the database ${database}, under the name of one for ${wanted}`;
      throw new VerifyError('verify/wrong-database', what, { advice: MISNAMED });
    }
    return { ...totals, database, version: this.#header?.version ?? 0, empty: false };
  }

  header(header: CdiffHeader): void {
    this.#header = header;
    const { version } = this.#expected;
    if (version !== undefined && header.version !== version) {
      throw new VerifyError(
        'verify/wrong-version',
        `this CDIFF leads to version ${header.version}, not to ${version}`,
      );
    }
  }

  script(chunk: Uint8Array): void {
    this.#script.write(chunk);
  }

  #command(command: Command): void {
    if (command.kind !== 'open' || !command.file.endsWith('.info')) return;
    this.#databases.add(command.file.slice(0, -5));
    if (this.#databases.size > 1) throw notOneDatabase();
  }
}

/**
 * Proves the signature of a CDIFF without inflating it, so `CdiffVerifier` parses only scripts that Talos signed. An
 * empty file passes. `end` throws `CvdError`.
 */
export class CdiffSealVerifier {
  readonly #trust: Trust;
  readonly #reader = new CdiffSealReader();
  #empty = true;

  constructor(trust: Trust) {
    this.#trust = trust;
  }

  write(chunk: Uint8Array): void {
    if (chunk.length > 0) this.#empty = false;
    this.#reader.write(chunk);
  }

  end(): void {
    if (this.#empty) return;
    const { signedDigest, dsig } = this.#reader.end();
    verifyPssSignature(signedDigest, dsig, this.#trust.keys.cdiff);
  }
}

function notOneDatabase(): VerifyError {
  return new VerifyError('verify/mismatch', 'the CDIFF does not change the .info of exactly one database');
}

const SHA256_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function emptyCdiff(version: number | undefined): VerifiedCdiff {
  if (version === undefined) {
    throw new VerifyError(
      'verify/unknown-file',
      'an empty file proves nothing unless its name is that of a CDIFF',
    );
  }
  return { size: 0, sha256: SHA256_OF_NOTHING, database: undefined, version, empty: true };
}
