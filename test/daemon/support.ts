import type { DaemonClock } from '../../scripts/daemon/cycles/clock.ts';
import type { CycleEnd, CycleOutcome, ToldReport } from '../../scripts/daemon/cycles/cycle-end.ts';
import { randomNumbers } from '../support/databases/random-numbers.ts';

/** Milliseconds after which nothing is waited for any more: the limit of a test comes soon after. */
export const LONG = 170_000;

/** A clock on which waiting takes no time: whoever waits finds it moved on. */
export class EasyClock implements DaemonClock {
  #day: number;
  #elapsed = 0;

  constructor(start: string) {
    this.#day = Date.parse(start);
  }

  now(): Date {
    return new Date(this.#day);
  }

  elapsed(): number {
    return this.#elapsed;
  }

  async wait(milliseconds: number): Promise<void> {
    this.pass(milliseconds);
    await new Promise((resolve) => setImmediate(resolve));
  }

  pass(milliseconds: number): void {
    this.#elapsed += milliseconds;
    this.#day += milliseconds;
  }

  /** Sets the clock of the day, as a person or a time server does. */
  set(time: string): void {
    this.#day = Date.parse(time);
  }
}

export const REPORT: ToldReport = {
  outcome: 'unchanged',
  databases: { test: { outcome: 'unchanged', from: 6, to: 6 } },
  upstreamBytes: 522,
  duration: 1.5,
};

/** The end of a cycle that reported. */
export function ended(outcome: CycleOutcome, change: Partial<ToldReport> = {}): CycleEnd {
  return { outcome, exitCode: 0, signal: null, report: { ...REPORT, ...change } };
}

/** Numbers from 0 to 1, the same each time. */
export function seeded(seed: number): () => number {
  const numbers = randomNumbers(Math.imul(seed + 1, 0x9e3779b1));
  return () => numbers.next().value / 2 ** 32;
}
