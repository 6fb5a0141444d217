import { MirrorError } from '../base/errors.ts';

/** Error about an access log that cannot be read. */
export class StatsError extends MirrorError<
  /** No format that is known fits the first lines of a log. */
  | 'stats/format'
  /** A compressed log is damaged, or ends in the middle. */
  | 'stats/damaged'
> {}
