import { explain } from '../base/errors.ts';
import { CvdError } from '../cvd/error.ts';
import type { Failure } from './messages.ts';

/** Makes an error fit to cross a thread. */
export function failureOf(error: unknown): Failure {
  return { failure: { code: error instanceof CvdError ? error.code : undefined, message: explain(error) } };
}

/** The error at the other side. */
export function errorOf({ failure: { code, message } }: Failure): Error {
  return code === undefined ? new Error(message) : new CvdError(code, message);
}
