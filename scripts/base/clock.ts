/** Milliseconds by which a time may be ahead of our clock and still count as now: clocks differ and are corrected. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;

/**
 * Milliseconds for which DNS may stand in for upstream's own header: DNS is not signed. A cycle after that asks for the header,
 * which moves `timestamp`: with hourly runs every three hours, for runs do not start on the minute.
 */
export const SEEN_LATELY_MS = 2.5 * 60 * 60_000;

/** True if a time is less than `limit` milliseconds ago, and not ahead of `now`. */
export function isWithin(time: string | undefined, limit: number, now: Date): boolean {
  const age = now.getTime() - Date.parse(time ?? '');
  return age >= -CLOCK_TOLERANCE_MS && age < limit;
}

/** True if a time is further ahead than clocks may differ, or is not a time. */
export function liesAhead(time: string, now: Date): boolean {
  return !(Date.parse(time) - now.getTime() <= CLOCK_TOLERANCE_MS);
}

/** Hours between two pings, without a setting: a monitor with a period of an hour can be told of each run. */
export const HEALTHCHECK_EVERY_HOURS = 1;
