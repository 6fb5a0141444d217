import type { Log } from '../../base/log.ts';
import type { Stage } from '../../files/stage.ts';
import type { Trust } from '../../verify/trust.ts';
import type { UpstreamClient } from '../http-client.ts';
import type { Partials } from './partials.ts';

/** Bytes that upstream may send at most. */
export interface Limits {
  readonly cvd: number;
  readonly cdiff: number;
}

/** What it takes to bring a file from upstream into the stage. */
export interface AcquireParts {
  readonly client: UpstreamClient;
  readonly trust: Trust;
  readonly stage: Stage;
  readonly limits: Limits;
  /** How many CDIFFs are kept. */
  readonly window: number;
  readonly log: Log;
  /** Where files wait that did not come whole; without it, each begins anew. */
  readonly partials?: Partials;
  /** Whether a CDIFF that is no CDIFF is no more than missing: some hosts answer so for what they do not have. */
  readonly lenient?: boolean | undefined;
}
