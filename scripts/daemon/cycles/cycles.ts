import { type DaemonClock, waitUntil } from './clock.ts';
import { type CycleEnd, type CycleOutcome, isCoolingDown, OUTCOMES } from './cycle-end.ts';
import { nextStart } from './schedule.ts';

export interface CyclesOptions {
  /** Runs one cycle; never throws. */
  readonly run: (signal: AbortSignal) => Promise<CycleEnd>;
  /** Milliseconds between the starts of two cycles, on average. */
  readonly every: number;
  /** Time until which upstream has asked to be left alone, if a cycle says that it has. */
  readonly coolDownUntil: () => Promise<Date | undefined>;
  /** True once anything is published. */
  readonly isPublished: () => Promise<boolean>;
  readonly clock: DaemonClock;
  readonly random: () => number;
  readonly onStart?: (facts: CyclesFacts) => void;
  readonly onEnd?: (end: CycleEnd, facts: CyclesFacts) => void;
}

/** What is known of the cycles of this process. */
export interface CyclesFacts {
  /** Number of cycles that began. */
  readonly begun: number;
  readonly byOutcome: Readonly<Record<CycleOutcome, number>>;
  /** Time at which the cycle that is under way began. */
  readonly runningSince: Date | undefined;
  /** Time at which the next one is due; `undefined` while one is under way. */
  readonly next: Date | undefined;
  /** True if one more was asked for. */
  readonly isAsked: boolean;
  readonly last: (CycleEnd & { readonly began: Date; readonly ended: Date }) | undefined;
}

/** Milliseconds after which another try is made while nothing is published, or after somebody else's run. */
const SOON_MS = 5 * 60_000;

/** Runs one cycle after the other: the first at once, the next when it is due or asked for. */
export class Cycles {
  readonly #options: CyclesOptions;
  readonly #byOutcome = new Map<CycleOutcome, number>(OUTCOMES.map((outcome) => [outcome, 0]));
  #begun = 0;
  #runningSince: Date | undefined;
  #next: Date | undefined;
  #isAsked = false;
  #last: CyclesFacts['last'];
  #wake = new AbortController();

  constructor(options: CyclesOptions) {
    this.#options = options;
  }

  get facts(): CyclesFacts {
    return {
      begun: this.#begun,
      byOutcome: Object.fromEntries(this.#byOutcome) as Record<CycleOutcome, number>,
      runningSince: this.#runningSince,
      next: this.#next,
      isAsked: this.#isAsked,
      last: this.#last,
    };
  }

  /** Asks for a cycle now. While one is under way, one more follows, however often it is asked for. */
  ask(): 'begins' | 'follows' {
    this.#isAsked = true;
    this.#wake.abort();
    return this.#runningSince === undefined ? 'begins' : 'follows';
  }

  /** Runs cycles until it is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#next = clock.now();
    while (!signal.aborted) {
      await this.#untilDue(this.#next, signal);
      if (signal.aborted) return;
      this.#next = await this.#cycle(signal);
    }
  }

  async #untilDue(time: Date, signal: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    if (this.#isAsked) return;
    await waitUntil(time, this.#options.clock, AbortSignal.any([signal, this.#wake.signal]));
  }

  /** Runs one cycle, and returns the time at which the next one is due. */
  async #cycle(signal: AbortSignal): Promise<Date> {
    const { run, clock, onStart, onEnd } = this.#options;
    const began = clock.now();
    this.#begun++;
    this.#isAsked = false;
    this.#runningSince = began;
    this.#next = undefined;
    onStart?.(this.facts);
    const end = await run(signal);
    this.#runningSince = undefined;
    this.#byOutcome.set(end.outcome, (this.#byOutcome.get(end.outcome) ?? 0) + 1);
    this.#last = { ...end, began, ended: clock.now() };
    const next = await this.#nextAfter(end, began, signal);
    this.#next = next;
    onEnd?.(end, this.facts);
    return next;
  }

  async #nextAfter(end: CycleEnd, began: Date, signal: AbortSignal): Promise<Date> {
    const { every, coolDownUntil, isPublished, clock, random } = this.#options;
    const now = clock.now();
    // whoever is to end does not wait for a store
    const isSoon = end.outcome === 'busy' || !(signal.aborted || (await isPublished()));
    const usual = isSoon ? nextStart(now, Math.min(every, SOON_MS), random) : nextStart(began, every, random);
    const until = isCoolingDown(end) ? await coolDownUntil() : undefined;
    const least = Math.max(now.getTime(), until?.getTime() ?? 0);
    // a cycle that took longer than the time between two, or a cool-down: the next one comes a little after
    return usual.getTime() > least ? usual : nextStart(new Date(least), SOON_MS, random);
  }
}
