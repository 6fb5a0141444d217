import { parseClamSign } from '../cvd/clamsign.ts';
import { cdiffName, cdiffSignName, cvdName, cvdSignName } from '../cvd/names.ts';
import { FIRST_SIGN_FLEVEL } from '../engine/engine.ts';
import { asVerdict } from '../files/verify.ts';
import { harmed, shutOut } from '../mirror/signs/sign-problem.ts';
import { parseSignedData } from '../verify/cms/signed-data.ts';
import { VerifyError } from '../verify/error.ts';
import { type DigestName, type FileDigests, type VerifiedSign, verifySign } from '../verify/sign.ts';
import type { Trust } from '../verify/trust.ts';

/** A `.sign` file, and the harm if it is bad. */
export interface SignOf {
  readonly database: string;
  readonly name: string;
  /** The file that it signs. */
  readonly signs: string;
  /** Harm to clients if it is served and not good. */
  readonly harm: string;
  readonly advice: string;
}

export function signOfCvd(database: string, version: number): SignOf {
  return {
    database,
    name: cvdSignName(database, version),
    signs: cvdName(database),
    harm: harmed(database),
    advice: 'Remove it, or publish it as upstream has it now: a missing one harms fewer clients',
  };
}

export function signOfCdiff(database: string, version: number): SignOf {
  return {
    database,
    name: cdiffSignName(database, version),
    signs: cdiffName(database, version),
    harm: 'ClamAV 1.5 and later drops the CDIFF and downloads the whole database',
    advice: 'Remove it: a CDIFF needs none, not even with FIPS limits',
  };
}

/** A proven `.sign`. */
export interface ProvenSign extends VerifiedSign {
  /** False if its file was not known, so that only the `.sign` itself is proven. */
  readonly fits: boolean;
}

/**
 * Proves a `.sign` against the known digests of its file. Without any, proves that it is sound by itself and valid now.
 * Throws `VerifyError`, which says which clients it harms.
 */
export function proveSign(
  bytes: Uint8Array,
  { database, name, harm, advice }: SignOf,
  known: Partial<FileDigests>,
  trust: Trust,
): ProvenSign {
  try {
    const verified = asVerdict(() => verifySign(bytes, { ...claimsOf(bytes), ...known }, trust));
    return { ...verified, fits: verified.signatures.every(({ digest }) => known[digest] !== undefined) };
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    const what = NOT_READ.has(error.code) ? `clients ignore it; ${shutOut(database)}` : harm;
    throw new VerifyError(error.code, `${name} is not good: ${error.message}; ${what}`, {
      advice: error.advice === undefined ? advice : `${error.advice}. ${advice}`,
    });
  }
}

/** True if every ClamAV that reads `.sign` files, from the first one on, finds a line made for it. */
export function isForAll({ signatures }: VerifiedSign): boolean {
  return (
    signatures.some(({ minFLevel }) => minFLevel <= FIRST_SIGN_FLEVEL) &&
    signatures.some(({ maxFLevel }) => maxFLevel === undefined)
  );
}

/** Codes of a `.sign` that freshclam cannot read either. */
const NOT_READ: ReadonlySet<string> = new Set([
  'verify/format',
  'verify/sign-format',
  'verify/unknown-f-level',
]);

/** Digests that a `.sign` claims for its file. `verifySign` gives the verdict on one that cannot be read. */
function claimsOf(bytes: Uint8Array): FileDigests {
  const claims: Record<DigestName, Uint8Array> = { sha256: NONE, sha384: NONE, sha512: NONE };
  try {
    for (const { signature } of asVerdict(() => parseClamSign(bytes))) {
      const { digest, messageDigest } = parseSignedData(signature);
      claims[digest] = messageDigest;
    }
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
  }
  return claims;
}

const NONE = new Uint8Array();
