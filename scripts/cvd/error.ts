/** The part of a ClamAV database's format that some bytes break. */
export type CvdErrorCode =
  | 'cvd/header'
  | 'cvd/info'
  | 'cvd/gzip'
  | 'cvd/tar'
  | 'cvd/container'
  | 'cvd/cdiff'
  | 'cvd/sign'
  | 'cvd/signature'
  | 'cvd/script'
  | 'cvd/patch'
  | 'cvd/rebuild'
  | 'cvd/too-large';

/** Error of every parser and encoder of this folder: the bytes break the format named by `code`. */
export class CvdError extends Error {
  override readonly name = 'CvdError';
  readonly code: CvdErrorCode;
  /** Next step for the user. */
  readonly advice: string | undefined;

  constructor(code: CvdErrorCode, message: string, options: ErrorOptions & { advice?: string } = {}) {
    super(message, options);
    this.code = code;
    this.advice = options.advice;
  }
}
