import { isWithin, SEEN_LATELY_MS } from '../../base/clock.ts';
import { explain } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { DatabaseRecord, Manifest } from '../../mirror/manifest.ts';
import { type Advertisement, advertise } from '../../upstream/advertise.ts';
import type { DnsRecord } from '../../upstream/dns.ts';
import type { UpstreamFiles } from '../../upstream/http-client.ts';
import { asWrongName } from '../../upstream/wrong-name.ts';
import type { Trust } from '../../verify/trust.ts';
import type { Survey } from '../database.ts';
import { lagError, seenAt, seenWith } from './lag.ts';
import { pinNote } from './pinned.ts';
import { surveySign } from './survey-sign.ts';

export interface SurveyContext {
  readonly client: UpstreamFiles;
  readonly record: DnsRecord | undefined;
  readonly trust: Trust;
  readonly log: Log;
  readonly manifest: Manifest | undefined;
  readonly now: Date;
  /** True if somebody asked for this run by hand. */
  readonly isAsked: boolean;
  /** True if upstream may be a folder that somebody's freshclam keeps: ClamAV's own servers are asked for no CLD. */
  readonly asksForCld?: boolean;
  /** MD5 of the published CVD, as its header gives it. */
  readonly md5?: string | undefined;
  /** Reason why somebody should look at the pin. */
  readonly pinDoubt?: string | undefined;
}

type SignContext = Pick<SurveyContext, 'client' | 'log' | 'manifest' | 'now' | 'isAsked'>;

/** Asks upstream about one database. An error is part of the answer: it must not stop the other databases. */
export async function surveyDatabase(
  database: string,
  published: DatabaseRecord | undefined,
  context: SurveyContext,
): Promise<Survey> {
  const { client } = context;
  if (published?.held !== undefined) return await surveyPinned(database, published, context);
  try {
    const seenLately = !context.isAsked && isSeenLately(published, context.now);
    const advertisement = await advertise(database, published?.version, { ...context, seenLately });
    const known = published && asSeen(published, advertisement, context);
    const isNew = advertisement.isNew || known === undefined; // then its own `.sign` comes with it
    const signs = isNew ? { published: known } : await withSign(database, known, context);
    const error = lagError(database, advertisement, known?.seen, context.now);
    if (error !== undefined) return { database, client, ...signs, advertisement: { isNew: false }, error };
    return { database, client, ...signs, advertisement };
  } catch (cause) {
    const others = Object.keys(context.manifest?.databases ?? {});
    const error = others.includes(database) ? cause : asWrongName(cause, database, others);
    return { database, client, published, advertisement: { isNew: false }, error };
  }
}

function isSeenLately(published: DatabaseRecord | undefined, now: Date): boolean {
  const { seen, version } = published ?? {};
  return seen !== undefined && seen.version === version && isWithin(seen.at, SEEN_LATELY_MS, now);
}

function asSeen(
  record: DatabaseRecord,
  advertisement: Advertisement,
  { manifest, now, client: { asOf } }: Pick<SurveyContext, 'manifest' | 'now' | 'client'>,
): DatabaseRecord {
  const checked = record.checked ?? manifest?.checked ?? now.toISOString();
  const at = seenAt({ asOf, before: record.seen?.at, now });
  const seen = seenWith(advertisement, { seen: record.seen, version: record.version, checked }, at);
  return seen === undefined ? record : { ...record, seen };
}

/** Asks upstream about a pinned database too, so that its age is known. */
async function surveyPinned(
  database: string,
  published: DatabaseRecord,
  context: SurveyContext,
): Promise<Survey> {
  const { client, now, isAsked } = context;
  const pinned = (record: DatabaseRecord) =>
    ({ isNew: false, note: pinNote(record, context.pinDoubt) }) as const;
  try {
    const isDue = isAsked || !isWithin(published.seen?.at, SEEN_LATELY_MS, now);
    // without a version to compare: nothing is late for a pinned database
    const known = isDue
      ? asSeen(published, await advertise(database, undefined, { ...context, record: undefined }), context)
      : published;
    const signs = await withSign(database, known, context);
    return { database, client, ...signs, advertisement: pinned(known) };
  } catch (error) {
    return { database, client, published, advertisement: pinned(published), error };
  }
}

/** Asks for the `.sign` of the published version where a newer one is quarantined, which would have brought its own. */
export async function surveySignOf(survey: Survey, context: SignContext): Promise<Survey> {
  const { database, published, advertisement, quarantined } = survey;
  if (quarantined === undefined || !advertisement.isNew || published === undefined) return survey;
  return { ...survey, ...(await withSign(database, published, context)) };
}

/** Most clients do without a `.sign`, so an upstream that cannot be asked for one is a warning. */
async function withSign(
  database: string,
  published: DatabaseRecord,
  context: SignContext,
): Promise<Pick<Survey, 'published' | 'signOffer'>> {
  try {
    const { record, offer } = await surveySign(database, published, context);
    return { published: record, ...(offer && { signOffer: offer }) };
  } catch (error) {
    context.log.warn(`${database}: upstream cannot be asked for its .sign: ${explain(error)}`);
    return { published };
  }
}
