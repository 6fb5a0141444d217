import { MirrorError } from '../errors.ts';

/** Why a request got no answer that could be judged. */
export type ProbeErrorCode =
  | 'probe/unreachable'
  | 'probe/tls'
  | 'probe/timeout'
  | 'probe/redirect'
  | 'probe/malformed'
  | 'probe/incomplete'
  | 'probe/too-large';

export class ProbeError extends MirrorError<ProbeErrorCode> {}
