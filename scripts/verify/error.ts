import { MirrorError } from '../base/errors.ts';

/**
 * Reason why an offered file is refused. `verify/format`, `verify/sign-format` and `verify/signature` carry the
 * `CvdError` as cause. Five codes are doubts about a `.sign` file, which blame nobody (`isDoubt` in sign.ts):
 * - `verify/sign-format`: it does not have the form of `.sign` files;
 * - `verify/untrusted-signer`: its chain does not lead to a trusted root;
 * - `verify/unfit-signer`: its chain leads there through certificates that are not made for this;
 * - `verify/not-valid-now`: it is genuine, but a certificate of its chain has expired or is not valid yet;
 * - `verify/unknown-f-level`: it is genuine, but claims to be for engines that cannot read it.
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

/** Error of every `verifyX`: the offered file is not proven and must not be used. */
export class VerifyError extends MirrorError<VerifyErrorCode> {}

/** Error about the seal of a file: nothing in the file is known to be Talos' own. */
export class UnsealedError extends VerifyError {}
