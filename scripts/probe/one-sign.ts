import { parseClamSign } from '../cvd/clamsign.ts';
import { cdiffName, cdiffSignName, cvdName, cvdSignName } from '../cvd/names.ts';
import { FIRST_SIGN_FLEVEL } from '../engine/engine.ts';
import { asVerdict } from '../files/verify.ts';
import { harmed, shutOut } from '../mirror/signs/sign-error.ts';
import { parseSignedData } from '../verify/cms/signed-data.ts';
import { VerifyError } from '../verify/error.ts';
import { type DigestName, type FileDigests, type VerifiedSign, verifySign } from '../verify/sign.ts';
import type { Trust } from '../verify/trust.ts';

/** A `.sign` file and what depends on it. */
export interface SignOf {
  readonly database: string;
  readonly name: string;
  /** The file that it signs. */
  readonly signs: string;
  /** What clients meet where it is there and not good. */
  readonly harm: string;
  readonly advice: string;
}

export function signOfCvd(database: string, version: number): SignOf {
  return {
    database,
    name: cvdSignName(database, version),
    signs: cvdName(database),
    harm: harmed(database),
    advice: 'Take it away, or publish it as upstream has it now: none at all harms fewer clients',
  };
}

export function signOfCdiff(database: string, version: number): SignOf {
  return {
    database,
    name: cdiffSignName(database, version),
    signs: cdiffName(database, version),
    harm: 'ClamAV 1.5 and later drops the CDIFF and downloads the whole database',
    advice: 'Take it away: a CDIFF needs none, with FIPS limits neither',
  };
}

/** What a `.sign` was proven to be. */
export interface ProvenSign extends VerifiedSign {
  /** False if it is good by itself, and its file was not known. */
  readonly fits: boolean;
}

/**
 * Proves a `.sign` by as much as is known of its file; without anything, that it is sound by itself and valid now.
 * Throws `VerifyError`, which says whom it harms.
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
    const what = NOT_READ.has(error.code) ? `clients do as if there were none; ${shutOut(database)}` : harm;
    throw new VerifyError(error.code, `${name} is not good: ${error.message}; ${what}`, {
      advice: error.advice === undefined ? advice : `${error.advice}. ${advice}`,
    });
  }
}

/** Whether the first ClamAV that reads `.sign` files, and each later one, finds a line that is made for it. */
export function isForAll({ signatures }: VerifiedSign): boolean {
  return (
    signatures.some(({ minFLevel }) => minFLevel <= FIRST_SIGN_FLEVEL) &&
    signatures.some(({ maxFLevel }) => maxFLevel === undefined)
  );
}

/** Verdicts on what freshclam cannot read either. */
const NOT_READ: ReadonlySet<string> = new Set([
  'verify/format',
  'verify/sign-format',
  'verify/unknown-f-level',
]);

/** The digests that a `.sign` says its file has. What cannot be read gets its verdict from `verifySign`. */
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
