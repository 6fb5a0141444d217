import { explain } from '../../base/errors.ts';
import { isS3Address } from '../../store/s3/address.ts';
import type { Store } from '../../store/store.ts';
import type { DaemonClock } from '../cycles/clock.ts';
import { notReady, type Readiness, readinessOf } from './readiness.ts';
import { readServed, type Served } from './served.ts';

export interface OutlookOptions {
  readonly store: Store;
  readonly work: string;
  readonly maxAge: number;
  readonly clock: Pick<DaemonClock, 'now' | 'elapsed'>;
  /** True while a cycle is under way, which may be publishing: files first, the manifest that names them last. */
  readonly isUnderWay: () => boolean;
  /** Aborted once the process is to end. */
  readonly signal: AbortSignal;
  /** Called when the mirror becomes ready, or is not ready any more. */
  readonly onChange: (readiness: Readiness) => void;
}

export interface Seen {
  readonly readiness: Readiness;
  /** `undefined`: it could not be read. */
  readonly served: Served | undefined;
}

/** Milliseconds for which what was read of a store counts, however often it is asked for: a bucket is far, and has a price. */
const FRESH_MS = { folder: 1_000, bucket: 60_000 } as const;

/** Looks at what is served, and tells when its readiness changes. */
export class Outlook {
  readonly #options: OutlookOptions;
  #read: { readonly at: number; readonly isUnderWay: boolean; readonly served: Promise<Served> } | undefined;
  #wasReady: boolean | undefined;

  constructor(options: OutlookOptions) {
    this.#options = options;
  }

  /** Looks now, by what was read a moment ago or is read anew. Never throws. */
  async look(): Promise<Seen> {
    const seen = await this.#look();
    const { ready } = seen.readiness;
    const { onChange, signal } = this.#options;
    if (ready !== this.#wasReady && !signal.aborted) onChange(seen.readiness);
    this.#wasReady = ready;
    return seen;
  }

  /** Makes the next look read everything anew. */
  forget(): void {
    this.#read = undefined;
  }

  async #look(): Promise<Seen> {
    const { maxAge, clock, signal } = this.#options;
    try {
      const { served: reading, isUnderWay } = this.#reading();
      const served = await reading;
      // between the files and the manifest of a publication nothing is broken; the end of the cycle shows if it is
      const judged = this.#wasReady === true && isUnderWay ? { ...served, damaged: [] } : served;
      const readiness = signal.aborted ? ENDS : readinessOf(judged, { maxAge, now: clock.now() });
      return { readiness, served };
    } catch (error) {
      this.forget();
      return { readiness: notReady(explain(error)), served: undefined };
    }
  }

  /** What was read a moment ago, or is being read, and whether a cycle was under way as that began. */
  #reading() {
    const { store, work, clock, isUnderWay } = this.#options;
    const fresh = isS3Address(store.where) ? FRESH_MS.bucket : FRESH_MS.folder;
    const at = clock.elapsed();
    if (this.#read === undefined || at - this.#read.at > fresh)
      this.#read = { at, isUnderWay: isUnderWay(), served: readServed(store, work, clock.now()) };
    return this.#read;
  }
}

const ENDS = notReady('this process is about to end');
