import { MirrorError } from '../base/errors.ts';

/** Reasons why a request got no usable answer. */
export type ProbeErrorCode =
  | 'probe/unreachable'
  /** A proxy on the way refused, and not the mirror. */
  | 'probe/proxy'
  | 'probe/tls'
  | 'probe/timeout'
  | 'probe/redirect'
  | 'probe/malformed'
  | 'probe/incomplete'
  | 'probe/too-large'
  /** The time limit or the request limit of the whole probe is reached. */
  | 'probe/gave-up';

export class ProbeError extends MirrorError<ProbeErrorCode> {}
