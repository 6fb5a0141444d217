import { MirrorError } from '../base/errors.ts';

/** Kind of an error between upstream and us. `upstream/missing` is an ordinary answer. */
export type UpstreamErrorCode =
  | 'upstream/missing'
  /** Upstream has no database of this name, and none was ever published here. */
  | 'upstream/no-database'
  /** Upstream offers an older version than it is known to have. */
  | 'upstream/stale'
  | 'upstream/cool-down'
  /** A version that was waited for did not come in time. */
  | 'upstream/awaited'
  /** A proxy on the way refused, and not upstream. */
  | 'upstream/proxy'
  | 'upstream/tls'
  /** A file comes, but not within the time for one cycle. */
  | 'upstream/slow'
  | 'upstream/status'
  | 'upstream/unavailable'
  | 'upstream/unreachable'
  | 'upstream/too-large'
  | 'upstream/incomplete'
  /** Another kind of file, or a cut or damaged one, also past caches. */
  | 'upstream/spoilt'
  /** A genuine file under a wrong name or as another version. */
  | 'upstream/mislabelled'
  /** A file that was spoilt or mislabelled lately, and is not asked for again yet. */
  | 'upstream/doubted'
  /** Upstream is the database folder of a freshclam. */
  | 'upstream/cld'
  | 'upstream/encoded'
  /** A redirect that is not followed. */
  | 'upstream/redirect'
  | 'upstream/dns'
  | 'upstream/record';

export class UpstreamError extends MirrorError<UpstreamErrorCode> {}

/** True if upstream sent more than the limit. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof UpstreamError && error.code === 'upstream/too-large';
}

/** True if upstream has no such file. */
export function isMissing(error: unknown): boolean {
  return error instanceof UpstreamError && error.code === 'upstream/missing';
}
