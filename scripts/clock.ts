/** Clocks differ, and are set back a little: so many milliseconds ahead of ours is no time that lies ahead. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** True if a time lies no longer ago than `limit` milliseconds, and not ahead of `now`. */
export function isWithin(time: string | undefined, limit: number, now: Date): boolean {
  const age = now.getTime() - Date.parse(time ?? '');
  return age >= -CLOCK_TOLERANCE_MS && age < limit;
}

/** True if a time lies further ahead than clocks differ, or is none. */
export function liesAhead(time: string, now: Date): boolean {
  return !(Date.parse(time) - now.getTime() <= CLOCK_TOLERANCE_MS);
}
