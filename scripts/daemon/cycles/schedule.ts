const MINUTE_MS = 60_000;
/** Part of the time between two cycles by which a start is earlier or later. */
const JITTER = 0.1;

/**
 * Time of the next start: about `every` milliseconds after `from`, in an odd minute, at any second of it. Most schedules
 * begin at the full hour, the half, or in a round minute, and would all ask upstream at once.
 */
export function nextStart(from: Date, every: number, random: () => number): Date {
  const about = from.getTime() + every * (1 + JITTER * (2 * random() - 1));
  const minute = Math.floor(about / MINUTE_MS);
  const odd = minute % 2 === 1 ? minute : minute + (random() < 0.5 ? -1 : 1);
  return new Date(odd * MINUTE_MS + Math.floor(random() * 60) * 1000);
}
