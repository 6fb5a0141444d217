import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { SIGN_LIMIT } from '../cvd/clamsign.ts';
import { CvdError, type CvdErrorCode } from '../cvd/error.ts';
import { CdiffSealVerifier, CdiffVerifier, type VerifiedCdiff } from '../verify/cdiff.ts';
import { CldVerifier, type VerifiedCld } from '../verify/cld.ts';
import { CvdVerifier, type Expected, SealVerifier, type VerifiedCvd } from '../verify/cvd.ts';
import { VerifyError, type VerifyErrorCode } from '../verify/error.ts';
import { DigestSet, type VerifiedSign, verifySign } from '../verify/sign.ts';
import type { Trust } from '../verify/trust.ts';
import { feed } from './feed.ts';

const CHUNK = 256 * 1024;

/** Proves the CVD at `path`, streaming: first that Talos sealed it, then each byte of what is inside. Throws `VerifyError`, or what the file system throws. */
export async function verifyCvdFile(
  path: string,
  trust: Trust,
  expected: Expected = {},
): Promise<VerifiedCvd> {
  await verifyBy(path, new SealVerifier(trust, expected));
  return await verifyBy(path, new CvdVerifier(trust, expected));
}

/** Proves what ClamAV loads of the CLD at `path`, streaming. Throws `VerifyError`, or what the file system throws. */
export async function verifyCldFile(
  path: string,
  trust: Trust,
  expected: Expected = {},
): Promise<VerifiedCld> {
  return await verifyBy(path, new CldVerifier(trust, expected));
}

/** Proves the CDIFF at `path`, streaming: first its signature, then what it holds. Throws `VerifyError`, or what the file system throws. */
export async function verifyCdiffFile(
  path: string,
  trust: Trust,
  expected: Expected = {},
): Promise<VerifiedCdiff> {
  await verifyBy(path, new CdiffSealVerifier(trust));
  return await verifyBy(path, new CdiffVerifier(trust, expected));
}

/** A `.sign` file that signs another file, and what is known of itself. */
export interface VerifiedSignFile extends VerifiedSign {
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

/** Proves that the `.sign` at `path` signs the file at `signed`. Throws like `verifySign`, but only `VerifyError`. */
export async function verifySignFile(path: string, signed: string, trust: Trust): Promise<VerifiedSignFile> {
  const sign = await readStart(path, SIGN_LIMIT + 1);
  const digests = new DigestSet();
  for await (const chunk of createReadStream(signed, { highWaterMark: CHUNK })) digests.update(chunk);
  const sha256 = createHash('sha256').update(sign).digest('hex');
  return { ...asVerdict(() => verifySign(sign, digests.digests(), trust)), size: sign.length, sha256 };
}

/** The first `length` bytes of a file, or fewer if it is shorter. */
export async function readStart(path: string, length: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function verifyBy<T>(path: string, verifier: { write(chunk: Uint8Array): void; end(): T }): Promise<T> {
  const file = createReadStream(path, { highWaterMark: CHUNK });
  await feed(file, (piece) => asVerdict(() => verifier.write(piece)));
  return asVerdict(() => verifier.end());
}

/** What a broken format means, other than `verify/format`. */
const VERDICTS: Partial<Record<CvdErrorCode, VerifyErrorCode>> = {
  'cvd/signature': 'verify/signature',
  'cvd/sign': 'verify/sign-format',
};

/** Above the bytes there is one question, proven or not: a broken format becomes a verdict. */
export function asVerdict<T>(parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof CvdError)) throw cause;
    throw new VerifyError(VERDICTS[cause.code] ?? 'verify/format', cause.message, { cause });
  }
}
