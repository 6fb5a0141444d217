import { createHash } from 'node:crypto';
import { SIGN_BYTES } from '../base/limits/databases.ts';
import { CvdError, type CvdErrorCode } from '../cvd/error.ts';
import type { FileName } from '../cvd/names.ts';
import { CdiffSealVerifier, CdiffVerifier, type VerifiedCdiff } from '../verify/cdiff.ts';
import { CldVerifier, type VerifiedCld } from '../verify/cld.ts';
import { CvdVerifier, type Expected, SealVerifier, type VerifiedCvd } from '../verify/cvd.ts';
import { UnsealedError, VerifyError, type VerifyErrorCode } from '../verify/error.ts';
import { DigestSet, type VerifiedSign, verifySign } from '../verify/sign.ts';
import type { Trust } from '../verify/trust.ts';
import { feed } from './feed.ts';
import { chunksOf, type OpenOptions, readStart } from './open.ts';

export { readStart };

/**
 * Proves the CVD at `path` as a stream: first that Talos sealed it, then each byte of its content. Throws
 * `VerifyError`, and errors of the file system.
 */
export async function verifyCvdFile(
  path: string,
  trust: Trust,
  expected: Expected = {},
  options?: OpenOptions,
): Promise<VerifiedCvd> {
  await unsealed(() => verifyBy(path, new SealVerifier(trust, expected), options));
  return await verifyBy(path, new CvdVerifier(trust, expected), options);
}

/** Proves everything that ClamAV loads of the CLD at `path`. Throws `VerifyError`, and errors of the file system. */
export async function verifyCldFile(
  path: string,
  trust: Trust,
  expected: Expected = {},
  options?: OpenOptions,
): Promise<VerifiedCld> {
  return await verifyBy(path, new CldVerifier(trust, expected), options);
}

/**
 * Proves the CDIFF at `path` as a stream: first its signature, then its content. Throws `VerifyError`, and errors of
 * the file system.
 */
export async function verifyCdiffFile(
  path: string,
  trust: Trust,
  expected: Expected = {},
  options?: OpenOptions,
): Promise<VerifiedCdiff> {
  await unsealed(() => verifyBy(path, new CdiffSealVerifier(trust), options));
  return await verifyBy(path, new CdiffVerifier(trust, expected), options);
}

/** Size in bytes and hash of a file that was proven. */
export interface ProvenFile {
  readonly size: number;
  readonly sha256: string;
}

/**
 * Proves that a database or a CDIFF is what its name says. A CVD without a version in its name may have any. Throws
 * `VerifyError`, and errors of the file system.
 */
export async function verifyByKind(
  path: string,
  { kind, database, version }: Exclude<FileName, { readonly signs: string }>,
  trust: Trust,
): Promise<ProvenFile> {
  const verify = kind === 'cdiff' ? verifyCdiffFile : verifyCvdFile;
  const { size, sha256 } = await verify(path, trust, { database, version });
  return { size, sha256 };
}

/** A proven `.sign` file, with its size and hash. */
export interface VerifiedSignFile extends VerifiedSign {
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

/**
 * Proves that the `.sign` at `path` signs the file at `signed`. Throws `VerifyError`, and errors of the file system.
 */
export async function verifySignFile(
  path: string,
  signed: string,
  trust: Trust,
  options?: OpenOptions,
): Promise<VerifiedSignFile> {
  const sign = await readStart(path, SIGN_BYTES + 1, options);
  const digests = new DigestSet();
  for await (const chunk of chunksOf(signed, options)) digests.update(chunk);
  const sha256 = createHash('sha256').update(sign).digest('hex');
  return { ...asVerdict(() => verifySign(sign, digests.digests(), trust)), size: sign.length, sha256 };
}

async function verifyBy<T>(
  path: string,
  verifier: { write(chunk: Uint8Array): void; end(): T },
  options?: OpenOptions,
): Promise<T> {
  await feed(chunksOf(path, options), (piece) => asVerdict(() => verifier.write(piece)));
  return asVerdict(() => verifier.end());
}

/** Proves a seal, and turns a `VerifyError` into an `UnsealedError`. */
export async function unsealed<T>(prove: () => T | Promise<T>): Promise<T> {
  try {
    return await prove();
  } catch (cause) {
    if (!(cause instanceof VerifyError)) throw cause;
    const { code, message, advice } = cause;
    throw new UnsealedError(code, message, { cause: cause.cause, ...(advice !== undefined && { advice }) });
  }
}

/** Verdicts of broken formats that are not `verify/format`. */
const VERDICTS: Partial<Record<CvdErrorCode, VerifyErrorCode>> = {
  'cvd/signature': 'verify/signature',
  'cvd/sign': 'verify/sign-format',
};

/** Turns a broken format into a verdict: above the byte layer a file is proven or not. */
export function asVerdict<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof CvdError)) throw cause;
    const { advice, message } = cause;
    throw new VerifyError(VERDICTS[cause.code] ?? 'verify/format', message, {
      cause,
      ...(advice !== undefined && { advice }),
    });
  }
}
