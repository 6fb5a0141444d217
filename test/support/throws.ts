import { expect } from 'vitest';
import type { CvdErrorCode } from '../../scripts/cvd/error.ts';

/** For `expect(…).toThrow(…)`: any error with this code. */
export function withCode(code: CvdErrorCode): Error {
  return expect.objectContaining({ name: 'CvdError', code });
}
