import { VerifyError } from '../verify/error.ts';
import { StoreError } from './store.ts';

/**
 * Tells whether a published file is not what it has to be: gone, longer than was published, or other bytes. That is damage
 * of this one file, which others need not suffer for. A store that cannot be read is none.
 */
export function isDamage(error: unknown): error is VerifyError | StoreError {
  if (error instanceof StoreError) return error.code === 'store/missing' || error.code === 'store/limit';
  return error instanceof VerifyError;
}
