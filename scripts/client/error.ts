import { MirrorError } from '../base/errors.ts';

/** Reasons why a client lacks what it should have. */
export type ClientErrorCode =
  | 'client/does-not-detect'
  | 'client/fips-unknown'
  | 'client/foreign-folder'
  | 'client/no-databases'
  | 'client/no-manifest'
  | 'client/no-sign'
  | 'client/not-scanned'
  | 'client/not-updated'
  | 'client/stale';

export class ClientError extends MirrorError<ClientErrorCode> {}
