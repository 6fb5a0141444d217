import type { Environment } from '../engine/process.ts';
import type { Proxies } from '../http/proxies.ts';

/** What a probe of a mirror needs to know, validated. */
export interface ProbeSettings {
  /** Without a final slash; may hold a user and password. */
  readonly url: string;
  /** `undefined`: what the mirror says that it has. */
  readonly databases: readonly string[] | undefined;
  /** How many CDIFFs of each database to look for. */
  readonly cdiffs: number;
  /** What to compare versions with. */
  readonly dns: { readonly record: string; readonly nameservers: readonly string[] } | undefined;
  /** The largest file to download, in bytes. */
  readonly maxSize: number;
  readonly proxies: Proxies;
  readonly userAgent: string;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  /** Whether to download and prove every byte. */
  readonly full: boolean;
  /** Where to look for freshclam, a PATH, if that is to download everything too. */
  readonly client: string | undefined;
  /** What freshclam is given. */
  readonly environment: Environment;
}
