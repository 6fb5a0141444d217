/** Something to run, with what it needs. */
export interface Job<T> {
  /** Job whose work it goes on with: it begins when that one has ended, however it ended. */
  readonly after?: Job<T> | undefined;
  /** Rough amount of its work. What has the most work left, with what waits for it, begins first. */
  readonly work: number;
  run(): Promise<T>;
}

/** Limits for the jobs of a schedule. */
export interface Limits<J> {
  /** Jobs at once. */
  readonly slots: number;
  /** True if there is room for this job beside those that run. A job that would run alone is not asked about. */
  readonly fits: (job: J, beside: readonly J[]) => boolean;
}

interface Entry<T, J> {
  readonly job: J;
  /** Work of the job and of the longest line of jobs that wait for it. */
  readonly rank: number;
  readonly before: Entry<T, J> | undefined;
  /** Same object for all jobs of one call. */
  readonly call: object;
  readonly settle: (result: PromiseSettledResult<T> | undefined) => void;
  hasEnded: boolean;
}

/** Runs jobs side by side as far as its limits allow. Several callers may share one schedule. */
export class Schedule<T, J extends Job<T>> {
  readonly #limits: Limits<J>;
  #waiting: Entry<T, J>[] = [];
  readonly #running = new Set<Entry<T, J>>();

  constructor(limits: Limits<J>) {
    this.#limits = limits;
  }

  /**
   * Runs jobs, given in an order in which none comes before one that it goes on with. Returns their results in this
   * order. If one rejects, those of this call that have not begun never do; when all that run have ended, this rejects
   * with the first reason in order. The jobs of other calls go on.
   */
  async all(jobs: readonly J[]): Promise<T[]> {
    const call = {};
    const entries = new Map<Job<T>, Entry<T, J>>();
    const results = jobs.map((job) => {
      const { promise, resolve: settle } = Promise.withResolvers<PromiseSettledResult<T> | undefined>();
      const before = job.after === undefined ? undefined : entries.get(job.after);
      const entry = { job, rank: rankOf(job, jobs), before, call, settle, hasEnded: false };
      entries.set(job, entry);
      this.#waiting.push(entry);
      return promise;
    });
    this.look();
    const settled = (await Promise.all(results)).filter((result) => result !== undefined);
    return settled.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value;
    });
  }

  /** Begins what may begin now. To be called when a limit has become wider. */
  look(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      const entry = next;
      this.#waiting = this.#waiting.filter((other) => other !== entry);
      this.#running.add(entry);
      void this.#run(entry);
    }
  }

  /** The job with the highest rank of those that may begin; of equals, the one that was given first. */
  #next(): Entry<T, J> | undefined {
    const running = [...this.#running].map(({ job }) => job);
    if (running.length >= this.#limits.slots) return undefined;
    return this.#waiting
      .filter(({ before }) => before === undefined || before.hasEnded)
      .sort((a, b) => b.rank - a.rank)
      .find(({ job }) => running.length === 0 || this.#limits.fits(job, running));
  }

  async #run(entry: Entry<T, J>): Promise<void> {
    const [result] = await Promise.allSettled([entry.job.run()]);
    entry.hasEnded = true;
    this.#running.delete(entry);
    if (result.status === 'rejected') this.#leaveOut(entry.call);
    entry.settle(result);
    this.look();
  }

  #leaveOut(failed: Entry<T, J>['call']): void {
    for (const { call, settle } of this.#waiting) if (call === failed) settle(undefined);
    this.#waiting = this.#waiting.filter(({ call }) => call !== failed);
  }
}

function rankOf<T>(job: Job<T>, jobs: readonly Job<T>[]): number {
  const next = jobs.filter(({ after }) => after === job).map((later) => rankOf(later, jobs));
  return job.work + Math.max(0, ...next);
}
