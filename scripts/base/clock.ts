/** Clocks differ, and are set back a little: so many milliseconds ahead of ours is no time that lies ahead. */
export const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** Upstream's own headers are asked for this often, whatever DNS says: DNS is not signed. Milliseconds. */
export const SEEN_LATELY_MS = 6 * 60 * 60_000;

/** True if a time lies no longer ago than `limit` milliseconds, and not ahead of `now`. */
export function isWithin(time: string | undefined, limit: number, now: Date): boolean {
  const age = now.getTime() - Date.parse(time ?? '');
  return age >= -CLOCK_TOLERANCE_MS && age < limit;
}

/** True if a time lies further ahead than clocks differ, or is none. */
export function liesAhead(time: string, now: Date): boolean {
  return !(Date.parse(time) - now.getTime() <= CLOCK_TOLERANCE_MS);
}
