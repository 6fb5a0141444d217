import { counted, moment, span } from '../base/words.ts';

/** A failure in time, as the marker of an issue or the memory of alerts keeps it. */
export interface Lasting {
  /** Time of the first failing run. */
  readonly first: string;
  /** Time of the last failing run. */
  readonly last: string;
  /** Number of failing runs. */
  readonly count: number;
  /** Time at which people were told of it last. */
  readonly commented: string;
  /** Name of the run that was counted last. */
  readonly run: string;
}

/** At least this long between two reminders: a little less than a day, for daily runs do not start on the minute. */
const REMINDER_MS = 23.5 * 3_600_000;

/** A failure that begins now, and is told now. */
export function begun(run: string, now: Date): Lasting {
  const at = now.toISOString();
  return { first: at, last: at, count: 1, commented: at, run };
}

/** A failure after one more failing run. A run that reports twice counts once. */
export function again<T extends Lasting>(state: T, run: string, now: Date): T {
  const count = state.run === run ? state.count : state.count + 1;
  return { ...state, last: now.toISOString(), count, run };
}

/** True if people who were told of a failure are to be reminded of it now. */
export function isReminderDue({ last, commented }: Lasting): boolean {
  return Date.parse(last) - Date.parse(commented) >= REMINDER_MS;
}

export function failingSince({ first, last, count }: Lasting): string {
  return `Failing since ${moment(first)}: ${counted(count, 'run')} in ${span(first, last)}`;
}

export function stillFailing({ first, last, count }: Lasting): string {
  return `Still failing, since ${moment(first)} (${span(first, last)}): ${counted(count, 'run')}.`;
}

export function wasFailing({ first, count }: Lasting, now: Date): string {
  const lasted = span(first, now.toISOString());
  return `It was failing for ${lasted}, from ${moment(first)}, in ${counted(count, 'run')}.`;
}
