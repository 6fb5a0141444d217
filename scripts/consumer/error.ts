import { MirrorError } from '../errors.ts';

/** Why a client has not what it should have. */
export type ClientErrorCode =
  | 'client/foreign-folder'
  | 'client/no-manifest'
  | 'client/not-updated'
  | 'client/stale';

export class ClientError extends MirrorError<ClientErrorCode> {}
