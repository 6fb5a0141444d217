import { codeOf } from '../base/errors.ts';
import { VerifyError } from '../verify/error.ts';

/** True if a stored file is missing, or is not what it should be. Every other error, such as a full disk, is no damage. */
export function isDamage(error: unknown): boolean {
  return error instanceof VerifyError || codeOf(error) === 'store/missing';
}
