import type { Log } from '../../base/log.ts';
import type { Stage } from '../../files/stage.ts';
import type { Trust } from '../../verify/trust.ts';
import type { UpstreamFiles } from '../http-client.ts';
import type { Partials } from './partials.ts';

/** Bytes that upstream may send for one file. */
export interface Limits {
  readonly cvd: number;
  readonly cdiff: number;
}

/** Everything needed to bring a file from upstream into the stage. */
export interface AcquireContext {
  readonly client: UpstreamFiles;
  readonly trust: Trust;
  readonly stage: Stage;
  readonly limits: Limits;
  /** Number of CDIFFs kept for each database. */
  readonly window: number;
  readonly log: Log;
  /** Partial files of earlier cycles. Without it, each download starts over. */
  readonly partials?: Partials;
  /** True if a file that is not a CDIFF counts as a missing one: some hosts answer so for missing files. */
  readonly lenient?: boolean | undefined;
}
