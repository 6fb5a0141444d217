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

/** Collects what `verifySign` needs of a file as it streams by. */
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

  /** May be called once, at the end. */
  digests(): Required<FileDigests> {
    const { sha256, sha384, sha512 } = this.#hashes;
    return { sha256: sha256.digest(), sha384: sha384.digest(), sha512: sha512.digest() };
  }
}

/** One line of a `.sign` file, proven. The names are common names. */
export interface VerifiedSignature {
  readonly minFLevel: number;
  readonly maxFLevel: number | undefined;
  readonly signer: string;
  readonly issuer: string;
  readonly root: string;
  readonly digest: DigestName;
  /** What the signer's clock said; informative. */
  readonly signingTime: Date | undefined;
  /** When the first certificate of the chain expires, and the signature with it. */
  readonly notAfter: Date;
}

/** The engines that a line of a `.sign` file is for: f-levels from `first` to `last`; without a last one, no end. */
export interface FLevels {
  readonly first: number;
  readonly last: number | undefined;
}

/** A `.sign` file of which every signature line is proven. */
export interface VerifiedSign {
  readonly signatures: readonly VerifiedSignature[];
  /** For which engines there is a line. No signature covers that: it is what the file claims. */
  readonly fLevels: readonly FLevels[];
  /** The earliest `notAfter` of the lines. */
  readonly notAfter: Date;
}

/** The f-level of ClamAV 1.5.0: every engine gives up on a line that begins below it (clamav-formats.md §2). */
const FIRST_FLEVEL = 230;

const DOUBTS: ReadonlySet<VerifyErrorCode> = new Set([
  'verify/sign-format',
  'verify/untrusted-signer',
  'verify/unfit-signer',
  'verify/not-valid-now',
  'verify/unknown-f-level',
]);

/**
 * Proves a `.sign` file for the file with these digests. ClamAV takes the first line made for its f-level
 * (clamav-formats.md §2), and which one that is depends on the client: so each line must be good.
 *
 * Throws only `VerifyError`. `verify/signature` is an offence: a signer we know did not sign this file, or
 * somebody used the name of an issuer; then the file that is signed is not to be trusted either. All else are
 * doubts (`isDoubt`). An offence in any line outweighs the doubts, of which the first is thrown.
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
 * True for an error that says: not for us to vouch for, and no sign that anybody tampered with the file that is
 * signed. Then the `.sign` is withheld, and all else goes on. Ask it about the errors of a `.sign` only.
 */
export function isDoubt(error: unknown): error is VerifyError {
  return error instanceof VerifyError && DOUBTS.has(error.code);
}

/** True if an engine of this f-level finds a line in such a `.sign`; any other does as if there were none. */
export function coversFLevel({ fLevels }: Pick<VerifiedSign, 'fLevels'>, fLevel: number): boolean {
  return fLevels.some(({ first, last = Number.POSITIVE_INFINITY }) => first <= fLevel && fLevel <= last);
}

/**
 * Which digests of a file `verifySign` needs to prove this `.sign` of it: for whoever knows the SHA-256 already and
 * would rather not read the file. Never throws: a line that cannot be read needs none, and gets its verdict there.
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
 * The chain comes before the signature, so that a broken one under a signer nobody knows is a doubt; the clock
 * comes last, so that a broken one under a known signer is an offence even after its time.
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
      `the .sign file is genuine, but claims to be for f-levels from ${minFLevel} on, and ClamAV takes none below ${FIRST_FLEVEL}`,
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
