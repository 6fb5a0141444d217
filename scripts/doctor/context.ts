import type { Programs } from '../engine/process.ts';
import type { Trust } from '../verify/trust.ts';
import type { Seen } from './finding.ts';
import type { DoctorSettings } from './settings.ts';
import type { TestFolders } from './test-folders.ts';

/** Everything that checks work with. */
export interface DoctorContext {
  readonly settings: DoctorSettings;
  /** PATH, and the environment that programs get. */
  readonly programs: Programs;
  /** The version of Node, as `v24.21.0`. */
  readonly node: string;
  readonly trust: Trust;
  readonly now: () => Date;
  readonly testFolders: TestFolders;
  /** Asks an upstream for a version, once for all checks; by default the first one. */
  readonly askUpstream: (url?: string) => Promise<Asked>;
}

export interface Check {
  readonly name: string;
  /** Deadline in milliseconds; default: `CHECK_MS`. */
  readonly timeout?: number;
  /** Throws an error that is a fault. `signal` aborts at the deadline. */
  readonly run: (context: DoctorContext, signal: AbortSignal) => Promise<Seen>;
}

/** Result of the version check. */
export interface Asked {
  /** Database that was asked for. */
  readonly database: string;
  /** Version in its header, signed by Talos; or the error. */
  readonly offered: number | { readonly error: unknown };
  /** Upstream's clock less ours, in milliseconds; `undefined`: it sent no time. */
  readonly ahead: number | undefined;
}
