import { MirrorError } from '../base/errors.ts';

/** Kind of an error between the source of an extra and us. */
export type ExtraErrorCode =
  /** No connection, or a file of this machine that cannot be read. */
  | 'extra/unreachable'
  | 'extra/tls'
  /** A proxy on the way refused, and not the source. */
  | 'extra/proxy'
  /** A redirect that is not followed. */
  | 'extra/redirect'
  /** 401 or 403. */
  | 'extra/denied'
  /** 429. */
  | 'extra/limited'
  /** 404 or 410, or no such file. */
  | 'extra/gone'
  | 'extra/status'
  | 'extra/unavailable'
  /** It broke off, or did not come within its time. */
  | 'extra/incomplete'
  | 'extra/too-large'
  /** Empty, a page of HTML, or not of the kind that its name says. */
  | 'extra/wrong-type'
  | 'extra/hash'
  | 'extra/signature';

export class ExtraError extends MirrorError<ExtraErrorCode> {}

/** Codes of errors about bytes that came whole: those of all others say nothing about the file. */
const ABOUT_BYTES: readonly string[] = [
  'extra/too-large',
  'extra/wrong-type',
  'extra/hash',
  'extra/signature',
];

/** True if an error is about the bytes of a source, and not about the way to it. */
export function isAboutBytes(code: string): boolean {
  return ABOUT_BYTES.includes(code);
}
