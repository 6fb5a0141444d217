import { createHash } from 'node:crypto';
import { parseClamSign, type SignLine } from '../cvd/clamsign.ts';
import { verifyChain } from './chain.ts';
import { type FileDigests, parseSignedData, verifySignedData } from './cms.ts';
import { type Certificate, type DigestName, parseCertificate } from './cms-certificate.ts';
import { VerifyError } from './error.ts';
import type { Trust } from './trust.ts';

export type { FileDigests } from './cms.ts';
export type { DigestName } from './cms-certificate.ts';

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
  digests(): FileDigests {
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

/** A `.sign` file of which every signature line is proven. */
export interface VerifiedSign {
  readonly signatures: readonly VerifiedSignature[];
  /** The earliest `notAfter` of the lines. */
  readonly notAfter: Date;
}

/** The f-level of ClamAV 1.5, the first that reads `.sign` files; every one seen so far is made for it and later ones. */
const FIRST_FLEVEL = 230;

/**
 * Proves a `.sign` file for the file with these digests. ClamAV takes the first line made for its f-level, and
 * which one that is depends on the client: so each line must be good.
 *
 * Throws
 * - `cvd/sign`, `verify/format`: it is malformed;
 * - `verify/signature`: a signature does not fit the file, or its chain is unsound or not valid now;
 * - `verify/untrusted-signer`: all of it is sound, but a chain ends at a root that `trust` does not know;
 * - `verify/unknown-f-level`: all of it is sound, but it is for other engines than expected, which no signature covers.
 * In the last two cases the file that is signed need not be refused.
 */
export function verifySign(sign: Uint8Array, digests: FileDigests, trust: Trust): VerifiedSign {
  const roots = trust.roots.map((root) => parseCertificate(root.certificate));
  const now = trust.now();
  const signatures: VerifiedSignature[] = [];
  let doubt: VerifyError | undefined;
  for (const line of parseClamSign(sign)) {
    try {
      signatures.push(verifyLine(line, digests, roots, now));
    } catch (error) {
      if (!isDoubt(error)) throw error;
      doubt ??= error; // a later line may be worse
    }
  }
  if (doubt !== undefined) throw doubt;
  return { signatures, notAfter: earliest(signatures.map((signature) => signature.notAfter)) };
}

/** True for an error that says: sound, but not for us to vouch for. Then a `.sign` is withheld, and all else goes on. */
export function isDoubt(error: unknown): error is VerifyError {
  return (
    error instanceof VerifyError &&
    (error.code === 'verify/untrusted-signer' || error.code === 'verify/unknown-f-level')
  );
}

function verifyLine(
  { minFLevel, maxFLevel, signature }: SignLine,
  digests: FileDigests,
  roots: readonly Certificate[],
  now: Date,
): VerifiedSignature {
  const signed = parseSignedData(signature);
  verifySignedData(signed, digests);
  const chain = verifyChain(signed.signer, signed.certificates, roots, now);
  if (minFLevel !== FIRST_FLEVEL || maxFLevel !== undefined) {
    throw new VerifyError(
      'verify/unknown-f-level',
      `the .sign file is sound, but made for the f-levels from ${minFLevel} to ${maxFLevel ?? 'any'}`,
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
    notAfter: earliest(chain.map((certificate) => certificate.notAfter)),
  };
}

function earliest(times: readonly Date[]): Date {
  return new Date(Math.min(...times.map(Number)));
}
