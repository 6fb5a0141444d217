import { MirrorError } from '../base/errors.ts';

/** Kind of an error of an extra: between its source and us, or in our store. */
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
  /** What it gave was not published and is lost, or the time of a cycle was over; it is asked in a later one. */
  | 'extra/unasked'
  /** It broke off, or did not come within its time. */
  | 'extra/incomplete'
  | 'extra/too-large'
  /** Empty, a page of HTML, or not of the kind that its name says. */
  | 'extra/wrong-type'
  | 'extra/hash'
  | 'extra/signature'
  /** A file of public keys that cannot be read. */
  | 'extra/keys'
  /** The store has other bytes of it than those that were described. */
  | 'extra/damaged'
  /** The store has a file of somebody else under its name. */
  | 'extra/taken';

export class ExtraError extends MirrorError<ExtraErrorCode> {
  /** Value of the header Retry-After, if an answer had one. */
  readonly retryAfter: string | undefined;

  constructor(
    code: ExtraErrorCode,
    message: string,
    { retryAfter, ...options }: { advice?: string; cause?: unknown; retryAfter?: string | undefined } = {},
  ) {
    super(code, message, options);
    this.retryAfter = retryAfter;
  }
}

/** Codes of errors about bytes that a source gave. Those of all others are about the way to them. */
const ABOUT_BYTES: readonly string[] = [
  'extra/too-large',
  'extra/wrong-type',
  'extra/hash',
  'extra/signature',
];

export function isAboutBytes(code: string): boolean {
  return ABOUT_BYTES.includes(code);
}

/** Codes of errors that all files of a host would have: the others are not asked for in the same cycle. */
const ABOUT_HOST: readonly string[] = ['extra/unreachable', 'extra/tls', 'extra/proxy', 'extra/limited'];

export function isAboutHost(failure: { readonly code: string } | undefined): boolean {
  return failure !== undefined && ABOUT_HOST.includes(failure.code);
}
