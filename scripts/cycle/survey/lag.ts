import type { Seen } from '../../mirror/manifest.ts';
import type { Advertisement } from '../../upstream/advertise.ts';
import { UpstreamError } from '../../upstream/error.ts';

/** A CDN lags behind DNS for minutes, and now and then for hours (field-notes.md, cl#667); more is no success. */
export const LAG_MS = 4 * 60 * 60_000;

/**
 * Updates what is known of upstream's own header of a published database. A header that lags behind what DNS
 * names, or behind what is published already, is an old one that something keeps in between: it tells nothing of now, so
 * the last time stays and the lag is remembered with its beginning.
 */
export function seenWith(
  advertisement: Advertisement,
  before: { readonly seen: Seen | undefined; readonly version: number; readonly checked: string },
  now: Date,
): Seen | undefined {
  const { seen, version, checked } = before;
  const at = now.toISOString();
  if (advertisement.isNew) return { at, version: advertisement.offer.header.version };
  if (advertisement.lag === undefined) {
    if (advertisement.seen !== undefined) return { at, version: advertisement.seen };
    return seen && { at: seen.at, version: seen.version }; // DNS names the published version: nothing is ahead
  }
  const { ahead } = seen ?? {};
  const since = ahead !== undefined && Date.parse(ahead.since) <= now.getTime() ? ahead.since : at;
  const last = seen ?? { at: checked, version };
  return { ...last, ahead: { version: advertisement.lag.version, since } };
}

/**
 * Time at which upstream said what it says: now, or earlier if it was carried here, but never earlier than what is known
 * already.
 */
export function seenAt({
  asOf,
  before,
  now,
}: {
  readonly asOf: Date | undefined;
  readonly before?: string | undefined;
  readonly now: Date;
}): Date {
  if (asOf === undefined) return now;
  const known = before === undefined ? 0 : Date.parse(before);
  return new Date(Math.min(now.getTime(), Math.max(asOf.getTime(), known)));
}

/** Error of a lag that has lasted too long; `undefined`: there is none, or it may still pass. */
export function lagError(
  database: string,
  advertisement: Advertisement,
  seen: Seen | undefined,
  now: Date,
): UpstreamError | undefined {
  if (advertisement.isNew || advertisement.lag === undefined || seen?.ahead === undefined) return undefined;
  const { since } = seen.ahead;
  if (now.getTime() - Date.parse(since) < LAG_MS) return undefined;
  return new UpstreamError('upstream/stale', `${database}: ${advertisement.lag.what}, since ${since}`, {
    advice:
      'Find out what keeps an old file between upstream and here: a proxy or cache that is not asked to look anew, or the CDN; or a nameserver that is wrong (--nameservers, --dns off)',
  });
}
