import { type CdiffHandler, type CdiffHeader, CdiffReader, type CdiffTotals } from '../cvd/cdiff.ts';
import { verifyPssSignature } from '../cvd/dsig.ts';
import { VerifyError } from './error.ts';
import type { Trust } from './trust.ts';

/** A CDIFF whose signature covers every byte of it. `empty` means: no incremental, take the full CVD (§3). */
export interface VerifiedCdiff extends Omit<CdiffTotals, 'signedDigest' | 'dsig'> {
  readonly version: number;
  readonly empty: boolean;
}

/** Proves a CDIFF as it streams by. `write` and `end` throw `CvdError` or `VerifyError`. */
export class CdiffVerifier implements CdiffHandler {
  readonly #trust: Trust;
  readonly #version: number | undefined;
  readonly #reader = new CdiffReader(this);
  #header: CdiffHeader | undefined;
  #empty = true;

  /** `version`: the one in the file's name. ClamAV does not compare it with the one inside; we do. */
  constructor(trust: Trust, version?: number) {
    this.#trust = trust;
    this.#version = version;
  }

  write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#empty = false;
    this.#reader.write(chunk);
  }

  end(): VerifiedCdiff {
    if (this.#empty) return emptyCdiff(this.#version);
    const { signedDigest, dsig, ...totals } = this.#reader.end();
    verifyPssSignature(signedDigest, dsig, this.#trust.keys.cdiff);
    return { ...totals, version: this.#header?.version ?? 0, empty: false };
  }

  header(header: CdiffHeader): void {
    this.#header = header;
    if (this.#version !== undefined && header.version !== this.#version) {
      throw new VerifyError(
        'verify/wrong-version',
        `this CDIFF leads to version ${header.version}, not to ${this.#version}`,
      );
    }
  }

  script(): void {}
}

const SHA256_OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

function emptyCdiff(version: number | undefined): VerifiedCdiff {
  if (version === undefined) {
    throw new VerifyError(
      'verify/unknown-file',
      'an empty file proves nothing unless its name says what it is',
    );
  }
  return { size: 0, sha256: SHA256_OF_NOTHING, version, empty: true };
}
