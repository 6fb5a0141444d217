import { MirrorError } from '../base/errors.ts';

/** Reason why a mirror cannot run as one process. */
export type DaemonErrorCode =
  /** Another one keeps the same mirror. */
  | 'daemon/running'
  /** The admin address cannot be had. */
  | 'daemon/admin'
  /** The socket cannot be had. */
  | 'daemon/socket';

export class DaemonError extends MirrorError<DaemonErrorCode> {}
