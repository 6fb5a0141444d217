import type { Log } from '../base/log.ts';
import type { Stage } from '../files/stage.ts';
import type { Manifest } from '../mirror/manifest.ts';
import type { Published } from '../mirror/published.ts';
import type { Prove } from '../proof/prove.ts';
import type { Store } from '../store/store.ts';
import type { Partials } from '../upstream/acquire/partials.ts';
import type { Patience, UpstreamFiles } from '../upstream/http-client.ts';
import type { Upstream } from '../upstream/open.ts';
import type { Trust } from '../verify/trust.ts';
import type { Adoption } from './adopt/adoption.ts';
import type { Memory } from './memory/memory.ts';
import type { WaitMemory } from './memory/retirement.ts';
import type { OpenMirror } from './open-mirror.ts';
import type { Progress } from './progress.ts';
import type { CycleSettings } from './settings.ts';

/** A host that caches may lag behind the store: how often to look, and how long to wait in between (milliseconds). */
export interface ReadBackPatience {
  readonly tries: number;
  readonly pause: number;
}

/** The outside world of a cycle. */
export interface CycleDeps {
  readonly store: Store;
  /** Gives what proves a stage, or throws before anything is downloaded if no engine is there. */
  readonly openProver: () => Promise<Prove>;
  readonly trust: Trust;
  readonly log: Log;
  readonly now: () => Date;
  /** Opens another upstream than the one of the settings, such as bundles. */
  readonly openUpstream?: () => Upstream;
  readonly readBackPatience?: Partial<ReadBackPatience>;
  /** Limits of one file from upstream, where they are not the usual ones. */
  readonly upstreamPatience?: Partial<Patience>;
}

/** Makes the files by name that tell people and monitors how a mirror with this manifest is. */
export type FaceOf = (manifest: Manifest) => ReadonlyMap<string, string>;

/** A mirror with a stage: all that proving and publishing need. A rollback has one too. */
export interface StagedMirror extends CycleDeps {
  readonly settings: CycleSettings;
  readonly progress: Progress;
  readonly mirror: OpenMirror;
  /** `mirror.published`: what clients get now, as far as it is whole. */
  readonly published: Published;
  /** The files of the next publication. */
  readonly stage: Stage;
  /** Number of CDIFFs that are kept. */
  readonly window: number;
  /** Remembers updates that are genuine and unusual; without it they are refused. */
  readonly waits?: WaitMemory;
  /** All databases that are mirrored; without it upstream was not asked for any, as in a rollback. */
  readonly mirrored?: readonly string[];
  /** Opens the files that tell how the mirror is, as the store has them. */
  readonly openFace: () => Promise<FaceOf>;
  /** A folder of this run, for the stage and the clients that prove it. */
  readonly workFolder: string;
}

/** One turn of a cycle: some of the databases, from upstream to clients. */
export interface Cycle extends StagedMirror, AsyncDisposable {
  /** Databases whose turn it is. */
  readonly databases: readonly string[];
  readonly memory: Memory;
  /** True if somebody asked for this run by hand, so that no earlier refusal holds it up. */
  readonly isAsked: boolean;
  /** Bytes of the largest CVD and CDIFF to take. */
  readonly limits: { readonly cvd: number; readonly cdiff: number };
  readonly partials: Partials;
  /** Clients of all upstreams in the order in which they are asked. Each counts what one database costs there. */
  readonly clientsFor: (database: string) => readonly UpstreamFiles[];
  /** Files that somebody gave us, taken before upstream is asked for them. */
  readonly adoption?: Adoption | undefined;
  /** True in a turn that takes them alone, and asks upstream for nothing. */
  readonly isAdopting: boolean;
}
