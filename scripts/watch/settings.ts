import type { EngineSpec } from '../engine/spec.ts';
import type { ProbeSettings } from '../probe/settings.ts';

/** Validated settings of the watchdog. */
export interface WatchSettings extends Omit<ProbeSettings, 'full' | 'client' | 'environment'> {
  /** Upstreams of the mirror in their order, without a final slash. */
  readonly upstreams: readonly string[];
  /** Ages in milliseconds from which there is a warning, and a fault. */
  readonly limits: { readonly warn: number; readonly fail: number };
  /** The file name of the workflow that syncs. */
  readonly workflow: string;
  /** Engines to use; `undefined`: those of this machine. */
  readonly engines: readonly EngineSpec[] | undefined;
  /** Folder in which clients keep their databases from run to run; `undefined`: each begins with nothing. */
  readonly clients: string | undefined;
}
