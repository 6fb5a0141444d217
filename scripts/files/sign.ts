import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { SIGN_BYTES } from '../base/limits/databases.ts';
import { moment } from '../base/words.ts';
import { VerifyError } from '../verify/error.ts';
import { DigestSet, digestsNeeded, type FileDigests, verifySign } from '../verify/sign.ts';
import type { Trust } from '../verify/trust.ts';
import { readStart } from './open.ts';

/**
 * Milliseconds before its end from which a `.sign` is not published any more. Cycles are hours apart, and an expired
 * one does more harm than none (clamav-formats.md §8).
 */
export const SIGN_MARGIN_MS = 12 * 60 * 60_000;

/** The file that a `.sign` has to sign. */
export interface SignedFile {
  /** 64 lowercase hex digits. */
  readonly sha256: string;
  /** Gives the path of the file, for a signature over another digest than SHA-256. */
  readonly path: () => Promise<string>;
}

/** A `.sign` that may be published. */
export interface GoodSign {
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** ISO time at which the first certificate of its chain ends. */
  readonly notAfter: string;
}

/** Proves the `.sign` at `path` like `proveSign`. Throws its errors, and those of the file system. */
export async function proveSignAt(path: string, signed: SignedFile, trust: Trust): Promise<GoodSign> {
  return await proveSign(await readStart(path, SIGN_BYTES + 1), signed, trust);
}

/** Proves that a `.sign` signs a file, now and for the next hours. Throws `VerifyError`; see `isDoubt`. */
export async function proveSign(sign: Uint8Array, signed: SignedFile, trust: Trust): Promise<GoodSign> {
  const { notAfter } = verifySign(sign, await digestsOf(sign, signed), trust);
  if (notAfter.getTime() - trust.now().getTime() < SIGN_MARGIN_MS) {
    throw new VerifyError('verify/not-valid-now', `the .sign file ends at ${moment(notAfter)}`);
  }
  return {
    size: sign.length,
    sha256: createHash('sha256').update(sign).digest('hex'),
    notAfter: notAfter.toISOString(),
  };
}

async function digestsOf(sign: Uint8Array, { sha256, path }: SignedFile): Promise<FileDigests> {
  const needed = [...digestsNeeded(sign)];
  if (needed.every((name) => name === 'sha256')) return { sha256: Buffer.from(sha256, 'hex') };
  const digests = new DigestSet();
  for await (const chunk of createReadStream(await path())) digests.update(chunk);
  return digests.digests();
}
