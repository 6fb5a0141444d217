import { isWithin, SEEN_LATELY_MS } from '../base/clock.ts';
import { codeOf, explain } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { moment } from '../base/words.ts';
import { cdiffName, cvdName, cvdSignName } from '../cvd/names.ts';
import { type CarryParts, carry } from '../mirror/carry-over.ts';
import { type DatabaseRecord, describeCvd, type Manifest, type SignRecord } from '../mirror/manifest.ts';
import { findPrevious } from '../mirror/previous-cvd.ts';
import { claimedVersion, filesOf } from '../mirror/published.ts';
import { fetchPublishedSign } from '../mirror/signs/published-sign.ts';
import { signRecord } from '../mirror/signs/sign-record.ts';
import { StoreError } from '../store/store.ts';
import { acquireCdiffs } from '../upstream/acquire/cdiffs.ts';
import type { AcquireParts } from '../upstream/acquire/context.ts';
import { acquireCvd, type Offer } from '../upstream/acquire/cvd.ts';
import { askForSign, type SignAnswer, stageSign } from '../upstream/acquire/sign.ts';
import { type Advertisement, advertise } from '../upstream/advertise.ts';
import type { DnsRecord } from '../upstream/dns.ts';
import { UpstreamError } from '../upstream/error.ts';
import type { Fetched, UpstreamClient } from '../upstream/http-client.ts';
import { asWrongName } from '../upstream/wrong-name.ts';
import type { VerifiedCvd } from '../verify/cvd.ts';
import { VerifyError } from '../verify/error.ts';
import type { Trust } from '../verify/trust.ts';
import type { Step } from './gate/plausibility.ts';
import type { RefusalError } from './gate/refusal.ts';
import { lagTrouble, seenWith } from './lag.ts';
import type { DatabaseReport } from './report.ts';
import { surveySign } from './survey-sign.ts';

/** One database at the start of a cycle: what is published, and what upstream says of it. */
export interface Look {
  readonly database: string;
  readonly client: UpstreamClient;
  readonly published: DatabaseRecord | undefined;
  readonly advertisement: Advertisement;
  /** Upstream's `.sign` of the published version, if it is another one than the published. */
  readonly signOffer?: Fetched;
  /** What was found out about what is published. */
  readonly note?: string;
  /** Why the version on offer is not tried: it was refused before. */
  readonly held?: RefusalError | UpstreamError;
  /** Why upstream could not be asked, or what it offered cannot be believed. */
  readonly trouble?: unknown;
}

/** One database in the stage: with `news`, it is not what is published. */
export interface Brought {
  readonly database: string;
  /** What the manifest will say; `undefined` if there is nothing of this database to serve. */
  readonly record: DatabaseRecord | undefined;
  readonly how: DatabaseReport['how'];
  /** Why a new version was not rebuilt. */
  readonly because?: string | undefined;
  readonly news: boolean;
  /** Path of the CVD that clients of the mirror have now. */
  readonly publishedCvd?: string | undefined;
  /** Path of its `.sign`, if it has one. */
  readonly publishedSign?: string | undefined;
  /** What was in the published container, and what is in the new one. */
  readonly members?: Step['members'];
  readonly trouble?: unknown;
}

export type BringParts = Omit<AcquireParts, 'client'> &
  CarryParts & {
    readonly now: () => Date;
    /** Whether to download CVDs whole, though they could be rebuilt. */
    readonly resync?: boolean;
    /** Whether a CDIFF of this database that is none is no more than missing. */
    readonly isLenient?: (database: string) => boolean;
  };

/** Asks upstream about one database. A trouble of one is no reason to stop the others, so it is part of the answer. */
export async function look(
  database: string,
  published: DatabaseRecord | undefined,
  parts: LookParts,
): Promise<Look> {
  const { client } = parts;
  if (published?.held !== undefined) return await lookAtHeld(database, published, parts);
  try {
    const seenLately = !parts.isAsked && isSeenLately(published, parts.now);
    const advertisement = await advertise(database, published?.version, { ...parts, seenLately });
    const known = published && asSeen(published, advertisement, parts);
    const isNew = advertisement.news || known === undefined; // then its own `.sign` comes with it
    const signs = isNew ? { published: known } : await lookForSign(database, known, parts);
    const trouble = lagTrouble(database, advertisement, known?.seen, parts.now);
    if (trouble !== undefined) return { database, client, ...signs, advertisement: { news: false }, trouble };
    return { database, client, ...signs, advertisement };
  } catch (error) {
    const others = Object.keys(parts.manifest?.databases ?? {});
    const trouble = others.includes(database) ? error : asWrongName(error, database, others);
    return { database, client, published, advertisement: { news: false }, trouble };
  }
}

function isSeenLately(published: DatabaseRecord | undefined, now: Date): boolean {
  const { seen, version } = published ?? {};
  return seen !== undefined && seen.version === version && isWithin(seen.at, SEEN_LATELY_MS, now);
}

function asSeen(
  record: DatabaseRecord,
  advertisement: Advertisement,
  { manifest, now }: Pick<LookParts, 'manifest' | 'now'>,
): DatabaseRecord {
  const checked = record.checked ?? manifest?.checked ?? now.toISOString();
  const seen = seenWith(advertisement, { seen: record.seen, version: record.version, checked }, now);
  return seen === undefined ? record : { ...record, seen };
}

/** Of a database that is held, upstream is asked too: for how long nobody looked must not depend on a pin. */
async function lookAtHeld(database: string, published: DatabaseRecord, parts: LookParts): Promise<Look> {
  const { client, now, isAsked } = parts;
  const hold = (record: DatabaseRecord) => ({ news: false, note: holdNote(record, parts.pinDoubt) }) as const;
  try {
    const isDue = isAsked || !isWithin(published.seen?.at, SEEN_LATELY_MS, now);
    // whatever version it is: to one that is held, nothing is late
    const known = isDue
      ? asSeen(published, await advertise(database, undefined, { ...parts, record: undefined }), parts)
      : published;
    const signs = await lookForSign(database, known, parts);
    return { database, client, ...signs, advertisement: hold(known) };
  } catch (trouble) {
    return { database, client, published, advertisement: hold(published), trouble };
  }
}

type SignParts = Pick<LookParts, 'client' | 'log' | 'manifest' | 'now' | 'isAsked'>;

export interface LookParts {
  readonly client: UpstreamClient;
  readonly record: DnsRecord | undefined;
  readonly trust: Trust;
  readonly log: Log;
  readonly manifest: Manifest | undefined;
  readonly now: Date;
  /** Whether somebody asked for it by hand. */
  readonly isAsked: boolean;
  /** Whether upstream may be a folder that somebody's freshclam keeps: ClamAV's own servers are asked for no CLD. */
  readonly asksForCld?: boolean;
  /** Of the published CVD. */
  readonly md5?: string | undefined;
  /** Why the pin that holds it should be looked at. */
  readonly pinDoubt?: string | undefined;
}

/** A version that is held back brings no `.sign`: then the published one's own is asked for. */
export async function signOfHeld(seen: Look, parts: SignParts): Promise<Look> {
  const { database, published, advertisement, held } = seen;
  if (held === undefined || !advertisement.news || published === undefined) return seen;
  return { ...seen, ...(await lookForSign(database, published, parts)) };
}

/** Most clients do without a `.sign`, so not to know of one is no trouble of the database. */
async function lookForSign(
  database: string,
  published: DatabaseRecord,
  parts: SignParts,
): Promise<Pick<Look, 'published' | 'signOffer'>> {
  try {
    const { record, offer } = await surveySign(database, published, parts);
    return { published: record, ...(offer && { signOffer: offer }) };
  } catch (error) {
    parts.log.warn(`${database}: upstream cannot be asked for its .sign: ${explain(error)}`);
    return { published };
  }
}

/** What is said of a database that a rollback holds. */
function holdNote({ version, held, seen }: DatabaseRecord, doubt: string | undefined): string {
  const upstream = seen === undefined || seen.version === version ? '' : `; upstream has ${seen.version}`;
  const doubted = doubt === undefined ? '' : ` (${doubt})`;
  return `held at version ${version} since ${moment(held?.since ?? '')}: ${held?.reason}${doubted}${upstream}; "release" lets it move again`;
}

/** Is there something to fetch: a new version, another `.sign`, or a CDIFF that was missing? */
export function wantsWork({ advertisement, held, published, signOffer, trouble }: Look): boolean {
  const isNew = advertisement.news && held === undefined;
  return (
    isNew || signOffer !== undefined || (trouble === undefined && (published?.missingCdiffs.length ?? 0) > 0)
  );
}

/**
 * Brings what is new of one database into the stage: a new version with its CDIFFs and `.sign`, or those that were missing.
 * Never throws for what upstream did: a trouble leaves the database as it is published.
 */
export async function bringNews(seen: Look, parts: BringParts): Promise<Brought> {
  const { database, published, trouble, held } = seen;
  const nothing = { database, record: published, how: 'unchanged', news: false } as const;
  if (!wantsWork(seen)) return { ...nothing, trouble: trouble ?? held };
  try {
    return await acquireNews(seen, parts);
  } catch (error) {
    await parts.stage.discardDatabase(database);
    return { ...nothing, trouble: error };
  }
}

/**
 * Completes the stage with those published files of a database that stay. If they do not prove out any more, the
 * whole database is taken anew, as for a new mirror.
 */
export async function bringPublished(seen: Look, brought: Brought, parts: BringParts): Promise<Brought> {
  const { database, published } = seen;
  if (published === undefined || brought.record === undefined) return brought;
  try {
    await carry(database, brought.record.version, parts);
    const same = brought.record.version === published.version;
    return same ? { ...brought, ...stagedAsPublished(database, published.version, parts.stage) } : brought;
  } catch (damage) {
    await parts.stage.discardDatabase(database);
    if (!isDamage(damage) || published.held !== undefined) {
      return {
        database,
        record: undefined,
        how: 'unchanged',
        news: false,
        trouble: brought.trouble ?? damage,
      };
    }
    parts.log.warn(`${database}: what is published is damaged and taken anew: ${explain(damage)}`);
    const { client } = seen;
    const { trust, log, now } = parts;
    const fresh = await look(database, undefined, {
      client,
      record: undefined,
      trust,
      log,
      manifest: parts.published.manifest,
      now: now(),
      isAsked: false,
    });
    return await bringNews(fresh, parts);
  }
}

/** Paths in the stage of the CVD that clients have now, and of its `.sign`. */
export function stagedAsPublished(
  database: string,
  version: number,
  stage: BringParts['stage'],
): Pick<Brought, 'publishedCvd' | 'publishedSign'> {
  const name = cvdSignName(database, version);
  const publishedSign = stage.files.has(name) ? stage.path(name) : undefined;
  return { publishedCvd: stage.path(cvdName(database)), publishedSign };
}

async function acquireNews(seen: Look, parts: BringParts): Promise<Brought> {
  const { database, published, client, advertisement, held } = seen;
  const acquire: AcquireParts = { ...parts, client, lenient: parts.isLenient?.(database) };
  const files = new Set(filesOf(parts.published.manifest, database));
  const known = published && { ...published, has: (name: string) => files.has(name) };
  if (!advertisement.news || held !== undefined) {
    const before = parts.stage.files.size;
    const chain =
      published && (await acquireCdiffs(database, published.version, known, { ...acquire, lenient: true }));
    const sign = await acquireLateSign(seen, parts);
    const news = parts.stage.files.size > before;
    const record = published && { ...published, ...chain, ...(sign && { sign }) };
    return { database, record, how: 'unchanged', news, trouble: held ?? seen.trouble };
  }
  const { offer } = advertisement;
  const previous = await findPrevious(database, parts);
  // by hand, only what the store has counts: a manifest may claim any version
  if (parts.resync !== true) requireNoOlder(offer, claimedVersion(parts.published, database));
  requireNoOlder(offer, previous?.verified.header.version);
  const signName = cvdSignName(database, offer.header.version);
  const answer = await askForSign(signName, client);
  requireSign(offer, published?.sign, answer, parts.now());
  const chain = await acquireCdiffs(database, offer.header.version, known, acquire);
  requireLastStep(offer, published?.version, chain.missingCdiffs, parts.now());
  const { cvd, how, because } = await acquireCvd(
    offer,
    parts.resync === true ? undefined : previous,
    acquire,
  );
  const path = async () => parts.stage.path(cvdName(database));
  const outcome =
    answer === 'unchanged'
      ? ({ state: 'missing' } as const)
      : await stageSign(signName, answer, { sha256: cvd.sha256, path }, acquire);
  const now = parts.now().toISOString();
  const sign = signRecord(published?.sign, outcome, { now, asked: now });
  const lastSeen = { at: now, version: offer.header.version };
  const record = { ...describeCvd(cvd), ...chain, sign, seen: lastSeen };
  const news = { database, record, how, because, news: true, members: membersOf(previous?.verified, cvd) };
  if (previous === undefined || previous.verified.header.version !== published?.version) return news;
  const publishedSign = await fetchPublishedSign(database, published.version, parts);
  return { ...news, publishedCvd: previous.path, publishedSign };
}

function membersOf(previous: VerifiedCvd | undefined, next: VerifiedCvd): Step['members'] {
  if (previous === undefined) return undefined;
  const sizes = ({ info }: VerifiedCvd) => new Map(info.files.map(({ name, size }) => [name, size]));
  return { published: sizes(previous), next: sizes(next) };
}

/** Brings upstream's `.sign` of the published version into the stage; one that is not good leaves what is published. */
async function acquireLateSign(
  { database, published, signOffer, client }: Look,
  parts: BringParts,
): Promise<SignRecord | undefined> {
  const before = published?.sign;
  if (published === undefined || signOffer === undefined) return before;
  const { stage, store } = parts;
  const name = cvdSignName(database, published.version);
  const path = async () => {
    const cvd = stage.incoming(`signed-${cvdName(database)}`);
    await store.fetch(cvdName(database), cvd, published.size);
    return cvd;
  };
  const outcome = await stageSign(name, signOffer, { sha256: published.sha256, path }, { ...parts, client });
  const now = parts.now().toISOString();
  if (before?.state === 'published' && outcome.state !== 'published') return { ...before, asked: now };
  return signRecord(before, outcome, { now, asked: now });
}

/** That the store's database is not whole is no reason to go back to an older version (field-notes.md, defect 2). */
function requireNoOlder({ header }: Offer, version = 0): void {
  if (header.version >= version) return;
  const what = `version ${version} in the store is not whole, and upstream offers the older ${header.version}`;
  throw new StoreError('store/missing', what, {
    advice: 'It is taken anew as soon as upstream offers that version or a later one',
  });
}

/** After so many milliseconds a CDIFF that upstream lacks is not late any more. */
const LATE = 24 * 60 * 60_000;

/**
 * A client that is one version behind stays there, and says nothing, until it gets this CDIFF (clamav-formats.md §6). For a
 * day it is worth waiting for: the CDN may just not have it everywhere.
 */
function requireLastStep(
  { database, header }: Offer,
  published: number | undefined,
  missing: readonly number[],
  now: Date,
): void {
  const { version, stime } = header;
  if (published !== version - 1 || !missing.includes(version)) return;
  if (now.getTime() - stime * 1000 > LATE) return;
  const name = cdiffName(database, version);
  throw new UpstreamError('upstream/missing', `upstream offers version ${version}, and not yet ${name}`, {
    advice: 'Clients of the published version could not follow; it is tried again in the next cycle',
  });
}

/**
 * Clients with FIPS limits cannot take the new version without its `.sign`. An upstream that has had them is given the
 * same day for it as for a CDIFF.
 */
function requireSign(
  { database, header }: Offer,
  published: SignRecord | undefined,
  answer: SignAnswer,
  now: Date,
): void {
  const { version, stime } = header;
  if (answer !== 'missing' || published?.state !== 'published') return;
  if (now.getTime() - stime * 1000 > LATE) return;
  const name = cvdSignName(database, version);
  throw new UpstreamError('upstream/missing', `upstream offers version ${version}, and not yet ${name}`, {
    advice: 'Clients with FIPS limits could not take it; it is tried again in the next cycle',
  });
}

function isDamage(error: unknown): boolean {
  return error instanceof VerifyError || codeOf(error) === 'store/missing';
}
