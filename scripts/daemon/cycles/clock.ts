import { setTimeout as pause } from 'node:timers/promises';

/** The two clocks of a machine. The first can be set, and goes on while the machine sleeps; the second only goes on. */
export interface DaemonClock {
  now(): Date;
  /** Milliseconds since any fixed time. */
  elapsed(): number;
  /** Waits; ends early, without an error, when it is aborted. */
  wait(milliseconds: number, signal: AbortSignal): Promise<void>;
}

export const REAL_CLOCK: DaemonClock = {
  now: () => new Date(),
  elapsed: () => performance.now(),
  wait: async (milliseconds, signal) => await pause(milliseconds, undefined, { signal }).catch(() => {}),
};

/** Longest single wait: after it the clocks are looked at again. */
const STEP_MS = 30_000;

/**
 * Waits for a moment. It has come if the clock of the day says so, or if as much time has gone by as there was to wait: a
 * clock that is set back keeps nobody waiting.
 */
export async function waitUntil(time: Date, clock: DaemonClock, signal: AbortSignal): Promise<void> {
  const wait = time.getTime() - clock.now().getTime();
  const begun = clock.elapsed();
  while (!signal.aborted) {
    const left = Math.min(time.getTime() - clock.now().getTime(), wait - (clock.elapsed() - begun));
    if (left <= 0) return;
    await clock.wait(Math.min(left, STEP_MS), signal);
  }
}
