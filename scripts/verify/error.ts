import { MirrorError } from '../base/errors.ts';

/**
 * Why a file that was offered is refused. `verify/format`, `verify/sign-format` and `verify/signature` carry the
 * `CvdError` as cause. Five are doubts about a `.sign` file, which blame nobody (`isDoubt` in sign.ts):
 * - `verify/sign-format`: it has not the form that `.sign` files have;
 * - `verify/untrusted-signer`: its chain does not lead to a root somebody told us to trust;
 * - `verify/unfit-signer`: its chain leads there over certificates that are not made for this;
 * - `verify/not-valid-now`: it is genuine, and a certificate of its chain has expired or is not valid yet;
 * - `verify/unknown-f-level`: it is genuine, and claims to be for engines that cannot read it.
 */
export type VerifyErrorCode =
  | 'verify/format'
  | 'verify/signature'
  | 'verify/sign-format'
  | 'verify/untrusted-signer'
  | 'verify/unfit-signer'
  | 'verify/not-valid-now'
  | 'verify/unknown-f-level'
  | 'verify/mismatch'
  | 'verify/wrong-database'
  | 'verify/wrong-version'
  | 'verify/unknown-file';

/** Thrown by every `verifyX`: what was offered is not proven, and must not be used. */
export class VerifyError extends MirrorError<VerifyErrorCode> {}

/** Not even the seal of the file is as it must be: nothing in it is known to be Talos' own. */
export class UnsealedError extends VerifyError {}
