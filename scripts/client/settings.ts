import type { EngineSpec } from '../engine/spec.ts';
import type { Proxies } from '../http/proxies.ts';

/** Validated settings of a client. */
export interface ClientSettings {
  /** URL of the mirror, without a final slash; may hold a user and password. */
  readonly url: string;
  /** Absolute path of the database folder. */
  readonly into: string;
  /** Path of the `freshclam.conf` to write. */
  readonly conf: string;
  /** Databases to take; `undefined`: all that the mirror names. */
  readonly databases: readonly string[] | undefined;
  /** True to take what Talos signed alone, and no extras of the mirror. */
  readonly talosOnly: boolean;
  /** TXT record of the mirror; `undefined`: freshclam asks the mirror itself. */
  readonly record: string | undefined;
  /** FIPS limits, which only ClamAV ≥ 1.5 knows: CVDs then need their `.sign`. */
  readonly fips: boolean;
  /** Oldest check of upstream by the mirror that is accepted, in milliseconds; `undefined`: any. */
  readonly maxAge: number | undefined;
  /** Deadline of the whole update, in milliseconds. */
  readonly timeout: number;
  /** Engine to use; `undefined`: the one of this machine. */
  readonly engine: EngineSpec | undefined;
  readonly userAgent: string;
  readonly proxies: Proxies;
}
