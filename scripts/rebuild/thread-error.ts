import { codeOf, explain } from '../base/errors.ts';
import { CvdError } from '../cvd/error.ts';
import type { Failure } from './messages.ts';

/** Turns an error into a message to another thread. */
export function failureOf(error: unknown): Failure {
  const message = explain(error);
  if (error instanceof CvdError) return { failure: { code: error.code, message } };
  return { failure: { code: undefined, system: codeOf(error), message } };
}

/** Turns such a message back into an error. */
export function errorOf({ failure: { code, system, message } }: Failure): Error {
  if (code !== undefined) return new CvdError(code, message);
  return Object.assign(new Error(message), system === undefined ? {} : { code: system });
}
