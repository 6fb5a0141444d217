import type { EngineSpec } from '../engine/spec.ts';
import type { ExtraSource } from '../extras/extra.ts';
import type { Proxies } from '../http/proxies.ts';
import type { StoreSettings } from '../store/settings.ts';
import type { ListedEntry } from './extras/wanted-entries.ts';

/** Everything a cycle needs to know, validated. */
export interface CycleSettings extends StoreSettings {
  /** In the order in which they are asked, at least one, without a final slash. */
  readonly upstreams: readonly string[];
  readonly databases: readonly string[];
  /** Those among them that this run asks for; the others stay as they are. Default: all. */
  readonly only?: readonly string[];
  readonly work: string;
  readonly dns: { readonly record: string; readonly nameservers: readonly string[] } | undefined;
  /** Number of CDIFFs to keep. */
  readonly window: number;
  /** Bytes. */
  readonly maxSize: number;
  /** For the identifier that this machine keeps. */
  readonly userAgent: (uuid: string) => string;
  readonly proxies: Proxies;
  /** `undefined`: what is there. */
  readonly engines: readonly EngineSpec[] | undefined;
  /** Paths of folders or lists. */
  readonly samples: { readonly clean: string | undefined; readonly infected: string | undefined };
  /** Number of earlier CVDs to keep of each database. */
  readonly archive: number;
  /** Bytes of all published files together; `undefined`: no limit. */
  readonly maxMirrorSize: number | undefined;
  /** URL at which clients find the mirror, without a final slash. */
  readonly publicUrl: string | undefined;
  /** URL from which a folder without a manifest is filled, without a final slash. */
  readonly restoreFrom: string | undefined;
  /** Folder with files of the owner, which are published beside the databases. */
  readonly local?: string | undefined;
  /** Sources of extras; `undefined`: nobody says which there are, so those that are published stay. */
  readonly extras?: readonly ExtraSource[] | undefined;
  /** Reads the allow list of a file; `undefined`: there is none. */
  readonly allowList?: (() => Promise<readonly ListedEntry[]>) | undefined;
  /** Folder of databases that somebody else kept, which a mirror begins with. */
  readonly adopt: string | undefined;
  /** As a share, 0.2 for 20 %, if somebody has set it. */
  readonly maxSignatureDrop: number | undefined;
  /** Reason to take versions that look implausible or were refused before. */
  readonly accept: string | undefined;
  /** True to try versions again that were refused before. */
  readonly retry: boolean;
  /** True to take everything anew from upstream. */
  readonly resync: boolean;
  /** True to end before anything is published. */
  readonly dryRun: boolean;
}
