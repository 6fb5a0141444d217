import type { Log } from '../base/log.ts';
import { Stopwatch } from '../base/stopwatch.ts';
import type { Published } from '../mirror/published.ts';
import type { Proof } from '../proof/record.ts';
import type { Adoption } from './adopt/adoption.ts';
import { hasWork, type Survey, type Update } from './database.ts';
import type { ExtrasReport } from './extras/report.ts';
import {
  afterAdoption,
  type CycleReport,
  type DatabaseReport,
  databaseReports,
  type End,
  endedBy,
  worst,
} from './report.ts';

/** The steps of a cycle in their order, as the log, `--json` and the documents name them. */
export type StepName = 'survey' | 'acquire' | 'prove' | 'publish' | 'read back';

/**
 * Everything that is known of a run so far. Its steps write it, and the report reads it, so that a run that fails half
 * way reports what it did until then.
 */
export class Progress {
  /** Databases of this turn as `survey` found them. */
  surveys: readonly Survey[] = [];
  /** Databases of this turn as they are to be published. */
  updates: readonly Update[] = [];
  /** Proof of this turn's stage; `null` until something was proven. */
  proof: Proof | null = null;
  /** Names of archived CVDs that are damaged, so that the next manifest drops them. */
  unusable: readonly string[] = [];
  /** What became of the files of an adopted folder. */
  adoption: Adoption | undefined;
  /** What became of the extras. */
  extras: ExtrasReport | undefined;
  /** Gist of what the status page tells of this run. */
  told: string | undefined;
  /** Time of its start. */
  readonly started: Date;
  readonly #stopwatch: Stopwatch;
  readonly #now: () => Date;
  readonly #isDry: boolean;
  #earlierProof: Proof | null = null;
  #databases: Readonly<Record<string, DatabaseReport>> = {};
  #failure: End | undefined;

  constructor({ log, now }: { readonly log: Log; readonly now: () => Date }, isDry: boolean) {
    this.#stopwatch = new Stopwatch((step) => log.step?.(step));
    this.#now = now;
    this.started = now();
    this.#isDry = isDry;
  }

  /** True if upstream has something that is not published. */
  get hasWork(): boolean {
    return this.surveys.some(hasWork);
  }

  /** True if the stage holds something that is not published. */
  get hasUpdates(): boolean {
    return this.updates.some(({ isNew }) => isNew);
  }

  async step<T>(name: StepName, work: () => Promise<T>): Promise<T> {
    this.#stopwatch.begin(name);
    return await work();
  }

  /**
   * Lets some of the databases take their turn. An error that comes when there are updates is theirs alone, and the next
   * turn goes on; one that comes before ends the run.
   */
  async turn(published: Published, work: () => Promise<void>): Promise<void> {
    this.#earlierProof = this.proof ?? this.#earlierProof;
    Object.assign(this, { surveys: [], updates: [], proof: null, unusable: [] });
    let end: End | undefined;
    try {
      await work();
    } catch (error) {
      if (!this.hasUpdates) throw error;
      end = endedBy(error);
    }
    this.#databases = { ...this.#databases, ...this.#reports(published, end) };
  }

  /** Outcomes in the middle of a turn, as they are if nothing more goes wrong, and seconds so far. */
  soFar(published: Published): Pick<CycleReport, 'outcome' | 'databases' | 'duration'> {
    const databases = { ...this.#databases, ...this.#reports(published, undefined) };
    const outcome = worst(Object.values(databases).map((one) => one.outcome));
    return { outcome, databases, duration: this.#stopwatch.elapsed };
  }

  #reports(published: Published, end: End | undefined): Record<string, DatabaseReport> {
    const { surveys, updates } = this;
    const reports = databaseReports({
      surveys,
      updates,
      published,
      end,
      isDry: this.#isDry,
      now: this.#now(),
    });
    return Object.fromEntries(
      Object.entries(reports).map(([name, one]) => [name, afterAdoption(this.#databases[name], one)]),
    );
  }

  /** Notes what ended the run as a whole. What was published before stays published, and reported. */
  fail(error: unknown): void {
    this.#failure = endedBy(error);
  }

  report(): CycleReport {
    const databases = Object.values(this.#databases);
    const failure = this.#failure;
    const outcomes = databases.map(({ outcome }) => outcome);
    return {
      outcome: worst(failure === undefined ? outcomes : [...outcomes, failure.outcome]),
      databases: this.#databases,
      proof: this.proof ?? this.#earlierProof,
      upstreamBytes: databases.reduce((sum, { upstreamBytes }) => sum + upstreamBytes, 0),
      ...this.#stopwatch.read(),
      ...(this.adoption && { adoption: this.adoption.report() }),
      ...(this.extras && { extras: this.extras }),
      ...(failure && { error: { code: failure.code, message: failure.reason } }),
    };
  }
}
