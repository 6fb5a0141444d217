import { MirrorError } from '../errors.ts';

/**
 * Why a file that was offered is refused. `verify/format` and `verify/signature` carry the `CvdError` as cause.
 * `verify/untrusted-signer`: a `.sign` file sound in every respect, under a root nobody told us to trust.
 */
export type VerifyErrorCode =
  | 'verify/format'
  | 'verify/signature'
  | 'verify/untrusted-signer'
  | 'verify/unknown-f-level'
  | 'verify/mismatch'
  | 'verify/wrong-database'
  | 'verify/wrong-version'
  | 'verify/unknown-file';

/** Thrown by every `verifyX`: what was offered is not proven, and must not be used. */
export class VerifyError extends MirrorError<VerifyErrorCode> {}
