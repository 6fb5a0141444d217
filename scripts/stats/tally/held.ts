import type { Publication, Versions } from './versions.ts';

/** What a log shows of a client's version of one database. Times are epoch seconds, 0 for never. */
export interface Held {
  /** Number of the database. */
  readonly database: number;
  /** The same of another database: a list of two or three takes less memory so than as an array. */
  readonly next: Held | undefined;
  /** Its last CDIFF. */
  cdiff: number;
  cdiffAt: number;
  /** Last time that it took the whole CVD, to its end as far as can be told. */
  wholeAt: number;
  /** Last time that it checked and went away with nothing to take. */
  currentAt: number;
  /** Its last check, until it is known what followed. */
  checkedAt: number;
}

/** Seconds after a check within which freshclam asks for what the check told it of. */
const VISIT_SECONDS = 600;
/** Seconds before the end of the logs in which what follows a check may be missing. */
const CUT_OFF_SECONDS = 60;

/** What is held of this database, in a list. */
export function heldOf(first: Held | undefined, database: number): Held | undefined {
  for (let held = first; held !== undefined; held = held.next) if (held.database === database) return held;
  return undefined;
}

/** Nothing so far of this database, before the others of a list. */
export function nothingHeld(database: number, next: Held | undefined): Held {
  return { database, next, cdiff: 0, cdiffAt: 0, wholeAt: 0, currentAt: 0, checkedAt: 0 };
}

/** A check of the version. Status 304 says at once that the client has what the mirror has. */
export function noteCheck(held: Held, seconds: number, isNewest: boolean): void {
  if (seconds - held.checkedAt > VISIT_SECONDS) held.currentAt = Math.max(held.currentAt, held.checkedAt);
  held.checkedAt = isNewest ? 0 : seconds;
  if (isNewest) held.currentAt = Math.max(held.currentAt, seconds);
}

/** A request for more than a check, answered or not: the check before it had found something new. */
export function noteMore(held: Held, seconds: number): void {
  if (Math.abs(seconds - held.checkedAt) <= VISIT_SECONDS) held.checkedAt = 0;
}

export function noteCdiff(held: Held, seconds: number, version: number): void {
  noteMore(held, seconds);
  if (seconds < held.cdiffAt) return;
  held.cdiff = seconds === held.cdiffAt ? Math.max(held.cdiff, version) : version;
  held.cdiffAt = seconds;
}

export function noteWhole(held: Held, seconds: number, isComplete: boolean): void {
  noteMore(held, seconds);
  if (isComplete) held.wholeAt = Math.max(held.wholeAt, seconds);
}

/** State of a client beside a version that the mirror has had for a day. */
export type State = 'current' | 'behind' | 'silent' | 'unknown';

export interface Judged {
  readonly state: State;
  /** The version that it has, as far as is known. */
  readonly version: number | undefined;
}

/**
 * Judges a client of one database by the last thing that shows its version. One that said nothing since the version came is
 * silent: it may be off, gone, or ask DNS, by which a client that has the newest version never comes here.
 */
export function judge(
  held: Held,
  versions: Versions,
  expected: Publication,
  { last, end }: { readonly last: number; readonly end: number },
): Judged {
  const isCutOff = held.checkedAt > 0 && end - held.checkedAt <= CUT_OFF_SECONDS;
  const currentAt = Math.max(held.currentAt, isCutOff ? 0 : held.checkedAt);
  const newestAt = Math.max(currentAt, held.wholeAt);
  const version = newestAt > held.cdiffAt ? versions.at(newestAt)?.version : held.cdiff || undefined;
  const isSince = newestAt >= expected.seconds; // it had the newest one then, whichever that was
  if (isSince || (version !== undefined && version >= expected.version)) return { state: 'current', version };
  if (last < expected.seconds) return { state: 'silent', version };
  return isCutOff || version === undefined ? { state: 'unknown', version } : { state: 'behind', version };
}
