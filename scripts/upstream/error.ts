import { MirrorError } from '../base/errors.ts';

/** What can go wrong between upstream and us. `upstream/missing` is an answer, the others are troubles. */
export type UpstreamErrorCode =
  | 'upstream/missing'
  /** It has no database of this name, and none was ever published here. */
  | 'upstream/no-database'
  /** What it gives is older than what is known to be there. */
  | 'upstream/stale'
  | 'upstream/cool-down'
  /** A proxy between here and upstream said no; upstream did not. */
  | 'upstream/proxy'
  | 'upstream/tls'
  /** It comes, but not within the time for one cycle. */
  | 'upstream/slow'
  | 'upstream/status'
  | 'upstream/unavailable'
  | 'upstream/unreachable'
  | 'upstream/too-large'
  | 'upstream/incomplete'
  /** No such file, or it is cut or damaged, also when it is asked for past caches. */
  | 'upstream/spoilt'
  /** Genuine, under a wrong name or as another version. */
  | 'upstream/mislabelled'
  /** One of these two, and it is not yet time to ask again. */
  | 'upstream/doubted'
  /** A folder that freshclam keeps for itself. */
  | 'upstream/cld'
  | 'upstream/encoded'
  /** Where it leads, nothing is asked. */
  | 'upstream/redirect'
  | 'upstream/dns'
  | 'upstream/record';

export class UpstreamError extends MirrorError<UpstreamErrorCode> {}

/** True if upstream sent more than may be. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof UpstreamError && error.code === 'upstream/too-large';
}

/** Upstream has no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof UpstreamError && error.code === 'upstream/missing';
}
