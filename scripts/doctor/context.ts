import type { DoctorSettings } from '../settings/commands/doctor.ts';
import type { Programs } from '../settings/programs.ts';
import type { Trust } from '../verify/trust.ts';
import type { Asked } from './ask-upstream.ts';
import type { Seen } from './finding.ts';
import type { Trials } from './trial-folders.ts';

/** What checks look at, and what with. */
export interface DoctorContext {
  readonly settings: DoctorSettings;
  /** With what they are given of the environment. */
  readonly programs: Programs;
  /** The version of Node, as `v24.21.0`. */
  readonly node: string;
  readonly trust: Trust;
  readonly now: () => Date;
  readonly trials: Trials;
  /** What upstream answers to the one version check. */
  readonly askUpstream: () => Promise<Asked>;
}

export interface Check {
  readonly name: string;
  /** Milliseconds; default: `CHECK_MS`. */
  readonly timeout?: number;
  /** Throws what is a fault. `signal`: its time is up. */
  readonly look: (context: DoctorContext, signal: AbortSignal) => Promise<Seen>;
}
