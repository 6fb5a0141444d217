import { createHash } from 'node:crypto';
import { parseClamSign, type SignLine } from '../cvd/clamsign.ts';
import { CvdError } from '../cvd/error.ts';
import { type Certificate, type DigestName, parseCertificate } from './cms/certificate.ts';
import { earliestEnd, requireValidAt, verifyChain } from './cms/chain.ts';
import { type FileDigests, parseSignedData, verifySignedData } from './cms/signed-data.ts';
import { VerifyError, type VerifyErrorCode } from './error.ts';
import type { Trust } from './trust.ts';

export type { DigestName } from './cms/certificate.ts';
export type { FileDigests } from './cms/signed-data.ts';

/** Collects the digests for `verifySign` from a stream. */
export class DigestSet {
  readonly #hashes = {
    sha256: createHash('sha256'),
    sha384: createHash('sha384'),
    sha512: createHash('sha512'),
  };

  update(chunk: Uint8Array): this {
    for (const hash of Object.values(this.#hashes)) hash.update(chunk);
    return this;
  }

  /** Digests of all bytes. May be called once, at the end. */
  digests(): Required<FileDigests> {
    const { sha256, sha384, sha512 } = this.#hashes;
    return { sha256: sha256.digest(), sha384: sha384.digest(), sha512: sha512.digest() };
  }
}

/** A proven line of a `.sign` file. Signer, issuer and root are common names. */
export interface VerifiedSignature {
  readonly minFLevel: number;
  readonly maxFLevel: number | undefined;
  readonly signer: string;
  readonly issuer: string;
  readonly root: string;
  readonly digest: DigestName;
  /** Time by the signer's clock, for information. */
  readonly signingTime: Date | undefined;
  /** Time at which the first certificate of the chain expires, and the signature with it. */
  readonly notAfter: Date;
}

/** Engines that a line of a `.sign` file is for: f-levels from `first` to `last`, or all from `first` on. */
export interface FLevels {
  readonly first: number;
  readonly last: number | undefined;
}

/** A `.sign` file in which every signature line is proven. */
export interface VerifiedSign {
  readonly signatures: readonly VerifiedSignature[];
  /** Engines for which there is a line, as the file claims: no signature covers f-levels. */
  readonly fLevels: readonly FLevels[];
  /** Earliest `notAfter` of all lines. */
  readonly notAfter: Date;
}

/** F-level of ClamAV 1.5.0: every engine gives up on a line that begins below it (clamav-formats.md §2). */
const FIRST_FLEVEL = 230;

const DOUBTS: ReadonlySet<VerifyErrorCode> = new Set([
  'verify/sign-format',
  'verify/untrusted-signer',
  'verify/unfit-signer',
  'verify/not-valid-now',
  'verify/unknown-f-level',
]);

/**
 * Proves a `.sign` file for the file with these digests. Every line must be good, because ClamAV takes the first line
 * for its own f-level (clamav-formats.md §2), which differs between clients.
 *
 * Throws only `VerifyError`. `verify/signature` is an offence: a known signer did not sign this file, or somebody used
 * the name of an issuer. The signed file must not be trusted then either. All other codes are doubts (`isDoubt`). An
 * offence in any line outweighs doubts, of which the first is thrown.
 */
export function verifySign(sign: Uint8Array, digests: FileDigests, trust: Trust): VerifiedSign {
  const roots = trust.roots.map((root) => parseCertificate(root.certificate));
  const now = trust.now();
  const signatures: VerifiedSignature[] = [];
  let doubt: VerifyError | undefined;
  for (const line of parseLines(sign)) {
    try {
      signatures.push(verifyLine(line, digests, roots, now));
    } catch (error) {
      if (!isDoubt(error)) throw error;
      doubt ??= error; // a later line may be worse
    }
  }
  if (doubt !== undefined) throw doubt;
  return {
    signatures,
    fLevels: signatures.map(({ minFLevel, maxFLevel }) => ({ first: minFLevel, last: maxFLevel })),
    notAfter: new Date(Math.min(...signatures.map(({ notAfter }) => Number(notAfter)))),
  };
}

/**
 * True for an error of a `.sign` that leaves it unproven without a sign of tampering. The `.sign` is withheld, and its
 * database goes on. Only for errors about a `.sign`.
 */
export function isDoubt(error: unknown): error is VerifyError {
  return error instanceof VerifyError && DOUBTS.has(error.code);
}

/** True if a `.sign` has a line for engines of this f-level. Other engines act as if there were no `.sign`. */
export function coversFLevel({ fLevels }: Pick<VerifiedSign, 'fLevels'>, fLevel: number): boolean {
  return fLevels.some(({ first, last = Number.POSITIVE_INFINITY }) => first <= fLevel && fLevel <= last);
}

/**
 * Digests of the signed file that `verifySign` will need. A caller that knows the SHA-256 need not read the file if
 * that is the only one. Never throws: an unreadable line needs no digest, and `verifySign` refuses it.
 */
export function digestsNeeded(sign: Uint8Array): ReadonlySet<DigestName> {
  const needed = new Set<DigestName>();
  try {
    for (const { signature } of parseLines(sign)) {
      try {
        needed.add(parseSignedData(signature).digest);
      } catch (error) {
        if (!isDoubt(error)) throw error;
      }
    }
  } catch (error) {
    if (!isDoubt(error)) throw error;
  }
  return needed;
}

function parseLines(sign: Uint8Array): SignLine[] {
  try {
    return parseClamSign(sign);
  } catch (cause) {
    if (!(cause instanceof CvdError)) throw cause;
    throw new VerifyError('verify/sign-format', cause.message, { cause });
  }
}

/**
 * Proves one line: the chain first, so a broken signature of an unknown signer is a doubt, and the clock last, so a
 * broken signature of a known signer is an offence even after its time.
 */
function verifyLine(
  { minFLevel, maxFLevel, signature }: SignLine,
  digests: FileDigests,
  roots: readonly Certificate[],
  now: Date,
): VerifiedSignature {
  const signed = parseSignedData(signature);
  const chain = verifyChain(signed.signer, signed.certificates, roots);
  verifySignedData(signed, digests);
  requireValidAt(chain, now);
  if (minFLevel < FIRST_FLEVEL) {
    throw new VerifyError(
      'verify/unknown-f-level',
      `the .sign file is genuine, but it is for f-levels from ${minFLevel} on, and ClamAV accepts none below ${FIRST_FLEVEL}`,
      { advice: 'Update this program if ClamAV has announced such signatures' },
    );
  }
  return {
    minFLevel,
    maxFLevel,
    signer: signed.signer.commonName,
    issuer: chain[1]?.commonName ?? '',
    root: chain.at(-1)?.commonName ?? '',
    digest: signed.digest,
    signingTime: signed.signingTime,
    notAfter: earliestEnd(chain),
  };
}
