import type { CvdTotals } from '../cvd/container/reader.ts';
import { verifyPssSignature } from '../cvd/dsig.ts';
import { type CvdHeader, encodeHeaderLine, unseal } from '../cvd/header.ts';
import { type CvdInfo, infoDigest } from '../cvd/info.ts';
import { type VerifiedCvd, verifyHeader } from './cvd.ts';
import { VerifyError } from './error.ts';
import type { Trust } from './trust.ts';

/**
 * Proves a CVD that was rebuilt here. Every file in it was compared with `info` while it was made
 * (`scripts/cvd/rebuild.ts`), so only `info`, the header and the MD5 are left to prove. Throws `CvdError` or
 * `VerifyError`.
 */
export function verifyRebuilt(
  database: string,
  header: CvdHeader,
  info: CvdInfo,
  totals: CvdTotals,
  trust: Trust,
): VerifiedCvd {
  verifyHeader(header, trust);
  verifyPssSignature(infoDigest(info), info.dsig, trust.keys.info);
  if (encodeHeaderLine(unseal(header)) !== encodeHeaderLine(info.header)) {
    throw new VerifyError('verify/mismatch', 'the header is not the one that .info signs');
  }
  if (totals.md5 !== header.md5) {
    throw new VerifyError('verify/mismatch', `the MD5 is ${totals.md5}, the header says ${header.md5}`);
  }
  return { ...totals, database, header, info };
}
