import type { Environment } from '../engine/process.ts';
import type { Proxies } from '../http/proxies.ts';

/** Validated settings of a probe. */
export interface ProbeSettings {
  /** URL of the mirror, without a final slash; may hold a user and password. */
  readonly url: string;
  /** Databases to check; `undefined`: all that the mirror names. */
  readonly databases: readonly string[] | undefined;
  /** CDIFFs to check for each database. */
  readonly cdiffs: number;
  /** TXT record to compare versions with. */
  readonly dns: { readonly record: string; readonly nameservers: readonly string[] } | undefined;
  /** Largest file to download, in bytes. */
  readonly maxSize: number;
  readonly proxies: Proxies;
  readonly userAgent: string;
  /** Deadline of the whole probe, in milliseconds. */
  readonly timeout: number;
  /** True to download and prove every byte. */
  readonly full: boolean;
  /** PATH of a real freshclam that is to download everything; `undefined`: none. */
  readonly client: string | undefined;
  /** Environment of freshclam. */
  readonly environment: Environment;
}
