import type { EngineSpec } from '../engine/spec.ts';
import type { ProbeSettings } from '../probe/settings.ts';

/** What watching a mirror needs to know, validated. */
export interface WatchSettings extends Omit<ProbeSettings, 'full' | 'client' | 'environment'> {
  /** Where the mirror's databases come from, without a final slash. */
  readonly upstream: string;
  /** Milliseconds: how old is a warning, and how old is a fault. */
  readonly limits: { readonly warn: number; readonly fail: number };
  /** The file name of the workflow that syncs. */
  readonly workflow: string;
  /** `undefined`: what is there. */
  readonly engines: readonly EngineSpec[] | undefined;
}
