import { MirrorError } from '../base/errors.ts';

/** Why a request got no answer that could be judged. */
export type ProbeErrorCode =
  | 'probe/unreachable'
  | 'probe/tls'
  | 'probe/timeout'
  | 'probe/redirect'
  | 'probe/malformed'
  | 'probe/incomplete'
  | 'probe/too-large'
  /** The time or the requests for all of it are spent. */
  | 'probe/gave-up';

export class ProbeError extends MirrorError<ProbeErrorCode> {}
