import type { EngineSpec } from '../engine/spec.ts';
import type { Proxies } from '../http/proxies.ts';

/** What a client of a mirror needs to know, validated. */
export interface ClientSettings {
  /** Of the mirror, without a final slash; may hold a user and password. */
  readonly url: string;
  /** The absolute path of the database folder. */
  readonly into: string;
  /** Where to write `freshclam.conf`. */
  readonly conf: string;
  /** `undefined`: what the mirror says that it has. */
  readonly databases: readonly string[] | undefined;
  /** The mirror's own TXT record; `undefined`: the mirror itself is asked. */
  readonly record: string | undefined;
  /** Whether ClamAV is held to FIPS limits: only ≥ 1.5 knows them, and its CVDs need their `.sign`. */
  readonly fips: boolean;
  /** How long ago the mirror may have asked upstream, in milliseconds; `undefined`: no matter. */
  readonly maxAge: number | undefined;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  /** `undefined`: what is there. */
  readonly engine: EngineSpec | undefined;
  readonly userAgent: string;
  readonly proxies: Proxies;
}
