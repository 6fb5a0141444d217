import { VerifyError } from '../verify/error.ts';
import { StoreError } from './store.ts';

/**
 * True if one published file is gone, longer than published, or has other bytes. Such damage need not stop the other
 * databases. A store that cannot be read is no damage.
 */
export function isDamage(error: unknown): error is VerifyError | StoreError {
  if (error instanceof StoreError) return error.code === 'store/missing' || error.code === 'store/limit';
  return error instanceof VerifyError;
}
