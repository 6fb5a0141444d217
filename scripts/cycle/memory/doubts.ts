import * as v from 'valibot';
import { isWithin } from '../../base/clock.ts';
import { explain } from '../../base/errors.ts';
import { DOUBTED_MS, FORGOTTEN_MS, STATE_CHARACTERS } from '../../base/limits/machine.ts';
import { printable } from '../../base/printable.ts';
import { counted } from '../../base/words.ts';
import { isDoubtful } from '../../upstream/ask-again.ts';
import { UpstreamError } from '../../upstream/error.ts';
import type { Survey } from '../database.ts';
import { type Attempted, AtUpstreams, allUpstreams, isOf } from './tried.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
/** Pause after the first time; it doubles with each further one, up to `DOUBTED_MS`. */
const FIRST_PAUSE_MS = 30 * MINUTE;

const Time = v.pipe(v.string(), v.isoTimestamp());
/** A version of a database of which upstream did not send the right files. */
export const DoubtSchema = v.object({
  version: v.number(),
  /** MD5 of the CVD, as its header gives it. */
  md5: v.pipe(v.string(), v.maxLength(32)),
  reason: v.pipe(
    v.string(),
    v.transform((text) => printable(text).slice(0, STATE_CHARACTERS.reason)),
  ),
  /** Since when no version came right. */
  since: Time,
  /** Time at which it last did not come right. */
  seen: Time,
  /** Time from which it is asked for again. */
  until: Time,
  tries: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  /** URLs of the upstreams that did not send them; without them it holds for all. */
  upstreams: AtUpstreams,
});
export type Doubt = v.InferOutput<typeof DoubtSchema>;

/** Remembers doubts between runs, by database. */
export interface DoubtMemory {
  of(database: string): Doubt | undefined;
  /** `undefined` forgets it. */
  set(database: string, doubt: Doubt | undefined): Promise<void>;
}

/** Lets a version wait of which upstream did not send the right files: it is asked for less and less often. */
export function waitsAsDoubted(survey: Survey, memory: DoubtMemory, now: Date): Survey {
  const { database, advertisement, quarantined } = survey;
  const doubt = memory.of(database);
  if (!advertisement.isNew || quarantined !== undefined || doubt === undefined) return survey;
  const { version, md5 } = advertisement.offer.header;
  const left = Date.parse(doubt.until) - now.getTime();
  if (!isOf(doubt, { version, md5 }, survey.client.url) || left <= 0 || left > DOUBTED_MS) return survey;
  const what = `it did not come right ${doubt.tries === 1 ? 'once' : counted(doubt.tries, 'time')}, last: ${doubt.reason}`;
  const advice = `It is asked for again after ${doubt.until}; ask for it with --retry`;
  return { ...survey, quarantined: new UpstreamError('upstream/doubted', what, { advice }) };
}

/** True if for a day no version came right: then a CDIFF that is none holds up nothing any more. */
export function isDoubtedForLong(database: string, memory: DoubtMemory, now: Date): boolean {
  const doubt = memory.of(database);
  if (doubt === undefined || !isWithin(doubt.seen, FORGOTTEN_MS, now)) return false;
  return now.getTime() - Date.parse(doubt.since) >= DAY;
}

/** Remembers a version of which upstream did not send the right files, and forgets one that came right. */
export async function rememberDoubt(attempted: Attempted, memory: DoubtMemory, now: Date): Promise<void> {
  const { database, tried, error } = attempted;
  if (error === undefined) await memory.set(database, undefined);
  if (!isDoubtful(error)) return;
  const { version, md5 } = tried;
  const earlier = memory.of(database);
  const known = earlier !== undefined && isWithin(earlier.seen, FORGOTTEN_MS, now) ? earlier : undefined;
  const tries = known?.version === version && known.md5 === md5 ? known.tries + 1 : 1;
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** (tries - 1), DOUBTED_MS);
  await memory.set(database, {
    version,
    md5,
    reason: explain(error),
    since: known?.since ?? now.toISOString(),
    seen: now.toISOString(),
    until: new Date(now.getTime() + pause).toISOString(),
    tries,
    upstreams: allUpstreams(earlier, attempted),
  });
}
