/**
 * Writes counts, sizes, times and ages in the one form that people read. Output for machines (JSON, `timestamp`) keeps
 * whole numbers and ISO times.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `no runs`, `1 run`, `2 runs`, `2 entries`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count === 0 ? 'no' : count} ${count === 1 ? one : many}`;
}

/** `1 byte`, `522 bytes`, `74.4 MB` */
export function bytes(count: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB'];
  let power = 0;
  while (power < units.length - 1 && Number((count / 1000 ** power).toFixed(1)) >= 1000) power++;
  if (power === 0) return count === 1 ? '1 byte' : `${count} bytes`;
  return `${(count / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** `2026-11-20 10:00 UTC`, or `an unknown time` for text that is not a time. */
export function moment(time: string | Date): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return 'an unknown time';
  return `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** A time as `toISOString` writes it. */
const WITH_MILLISECONDS = /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z(?![\w])/g;

/**
 * Gives every ISO time in a text the form of `moment`. Stored reasons keep ISO times; people read them in this form.
 */
export function withMoments(text: string): string {
  return text.replace(WITH_MILLISECONDS, (time) => moment(time));
}

/** `2026-11-20T10:00:05Z`, for the beginning of a line in a log. */
export function stamp(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/** A length of time in its two largest units: `2 days 3 hours`, `5 minutes`. A negative one is `less than a minute`. */
export function lasting(milliseconds: number): string {
  if (Number.isNaN(milliseconds)) return 'an unknown time';
  if (milliseconds < MINUTE_MS) return 'less than a minute';
  const parts = [
    [Math.floor(milliseconds / DAY_MS), 'day'],
    [Math.floor(milliseconds / HOUR_MS) % 24, 'hour'],
    [Math.floor(milliseconds / MINUTE_MS) % 60, 'minute'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => counted(count, unit))
    .join(' ');
}

/** The time between two times, in the form of `lasting`. */
export function span(from: string, to: string): string {
  return lasting(Date.parse(to) - Date.parse(from));
}

/** The time that something took: `12 ms`, `0.4 s`, `41 s`, `3 min 5 s`. */
export function took(seconds: number): string {
  if (seconds < 0.1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const rest = whole % 60;
  return `${Math.floor(whole / 60)} min${rest === 0 ? '' : ` ${rest} s`}`;
}
