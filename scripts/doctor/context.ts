import type { Programs } from '../engine/process.ts';
import type { Trust } from '../verify/trust.ts';
import type { Seen } from './finding.ts';
import type { DoctorSettings } from './settings.ts';
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
  readonly run: (context: DoctorContext, signal: AbortSignal) => Promise<Seen>;
}

/** What came of the one version check. */
export interface Asked {
  /** The database that was asked for. */
  readonly database: string;
  /** Its version as its header says it, signed by Talos; or what went wrong. */
  readonly offered: number | { readonly error: unknown };
  /** By upstream's clock less by ours, in milliseconds; `undefined`: it did not tell. */
  readonly ahead: number | undefined;
}
