import { cvdName, cvdSignName, parseFileName } from '../../cvd/names.ts';
import { verifyCvdFile } from '../../files/verify.ts';
import { describeCvd, type SignRecord } from '../../mirror/manifest.ts';
import { findPrevious } from '../../mirror/previous-cvd.ts';
import { claimedVersion, filesOf } from '../../mirror/published.ts';
import { fetchPublishedSign } from '../../mirror/signs/published-sign.ts';
import { signRecord } from '../../mirror/signs/sign-record.ts';
import { acquireCdiffs } from '../../upstream/acquire/cdiffs.ts';
import type { AcquireContext } from '../../upstream/acquire/context.ts';
import { acquireCvd, type Offer, type Previous } from '../../upstream/acquire/cvd.ts';
import { askForSign, stageSign } from '../../upstream/acquire/sign.ts';
import type { VerifiedCvd } from '../../verify/cvd.ts';
import type { Cycle } from '../context.ts';
import { asPublished, hasWork, type Survey, type Update } from '../database.ts';
import type { Step } from '../gate/plausibility.ts';
import { isDoubtedForLong } from '../memory/doubts.ts';
import { seenAt } from '../survey/lag.ts';
import { cldBase } from './cld-base.ts';
import { requireLastCdiff, requireNoOlder, requireSign } from './offer-rules.ts';

/**
 * Brings everything new of one database into the stage: a new version with its CDIFFs and `.sign`, or CDIFFs and a `.sign`
 * of the published version that were missing. An error becomes part of the answer, and the database stays as published.
 */
export async function acquireDatabase(survey: Survey, cycle: Cycle): Promise<Update> {
  const { database, published, advertisement, quarantined } = survey;
  if (!hasWork(survey)) return asPublished(survey);
  try {
    return advertisement.isNew && quarantined === undefined
      ? await acquireVersion(survey, advertisement.offer, cycle)
      : await acquireLateFiles(survey, cycle);
  } catch (error) {
    await cycle.stage.discardDatabase(database);
    return { database, record: published, how: 'unchanged', isNew: false, error };
  }
}

/** Acquires a version that is not published, rebuilt from CDIFFs if that is possible. */
async function acquireVersion(survey: Survey, offer: Offer, cycle: Cycle): Promise<Update> {
  const { database, published, client } = survey;
  const { stage, settings } = cycle;
  const { resync } = settings;
  const context = contextFor(survey, cycle);
  const now = cycle.now();
  const stored = await findPrevious(database, cycle);
  // in a resync only what the store has counts: a manifest may claim any version
  if (!resync) requireNoOlder(offer, claimedVersion(cycle.published, database));
  requireNoOlder(offer, stored?.verified.header.version);
  const signName = cvdSignName(database, offer.header.version);
  const answer = await askForSign(signName, client);
  requireSign(offer, published?.sign, answer, now);
  const chain = await acquireCdiffs(database, offer.header.version, knownChain(survey, cycle), context);
  requireLastCdiff(offer, published?.version, chain.missingCdiffs, now);
  const previous = resync || cycle.isAdopting ? undefined : await newestBase(survey, offer, stored, cycle);
  const acquired = await acquireCvd(offer, previous, context);
  const { cvd } = acquired;
  const path = async () => stage.path(cvdName(database));
  const outcome =
    answer === 'unchanged'
      ? ({ state: 'missing' } as const)
      : await stageSign(signName, answer, { sha256: cvd.sha256, path }, context);
  const at = cycle.now().toISOString();
  const sign = signRecord(published?.sign, outcome, { now: at, asked: at });
  const seenOn = seenAt({ asOf: client.asOf, before: published?.seen?.at, now: cycle.now() });
  const seen = { at: seenOn.toISOString(), version: offer.header.version };
  const record = { ...describeCvd(cvd), ...chain, sign, seen };
  const { how, because } = cycle.isAdopting ? ({ how: 'adopted' } as const) : acquired;
  const members = membersOf(stored?.verified, cvd);
  const update: Update = { database, record, how, because, isNew: true, members };
  if (stored === undefined || stored.verified.header.version !== published?.version) return update;
  const publishedSign = await fetchPublishedSign(database, published.version, cycle);
  return { ...update, publishedCvd: stored.path, publishedSign };
}

/**
 * The newest CVD or CLD that the offered version can be rebuilt from: of the store, of the adopted folder, of bundles, or of
 * an upstream that has CLDs only.
 */
async function newestBase(
  survey: Survey,
  offer: Offer,
  stored: Previous | undefined,
  cycle: Cycle,
): Promise<Previous | undefined> {
  const { adoption, stage, trust, limits } = cycle;
  const { database, header } = offer;
  const known = stored?.verified.header.version ?? 0;
  const path = stage.incoming(`base-${cvdName(database)}`);
  const { base } = survey.client;
  if (base !== undefined && base.version > known) {
    await base.download(path, limits.cvd);
    return { path, verified: await verifyCvdFile(path, trust, { database, version: base.version }) };
  }
  const found = adoption?.baseOf(database, header.version);
  if (found === undefined) return stored ?? (await cldBase(survey, offer, cycle));
  if (known >= found.verified.header.version) return stored;
  await adoption?.take(found.name, path);
  return { path, verified: found.verified };
}

/** Acquires files of the published version that upstream did not have before. */
async function acquireLateFiles(survey: Survey, cycle: Cycle): Promise<Update> {
  const { database, published, quarantined } = survey;
  const before = stagedFilesOf(database, cycle);
  const context = { ...contextFor(survey, cycle), lenient: true };
  const chain =
    published && (await acquireCdiffs(database, published.version, knownChain(survey, cycle), context));
  const sign = await acquireLateSign(survey, cycle);
  const isNew = stagedFilesOf(database, cycle) > before;
  const record = published && { ...published, ...chain, ...(sign && { sign }) };
  return { database, record, how: 'unchanged', isNew, error: quarantined ?? survey.error };
}

/** Counts its files only: the other databases enter the stage at the same time. */
function stagedFilesOf(database: string, { stage }: Cycle): number {
  return [...stage.files.keys()].filter((name) => parseFileName(name)?.database === database).length;
}

function contextFor({ database, client }: Survey, cycle: Cycle): AcquireContext {
  return { ...cycle, client, lenient: isDoubtedForLong(database, cycle.memory.state.doubts, cycle.now()) };
}

/** The published CDIFFs, which need not be asked for again. */
function knownChain({ database, published }: Survey, cycle: Cycle) {
  const files = new Set(filesOf(cycle.published.manifest, database));
  return published && { ...published, has: (name: string) => files.has(name) };
}

function membersOf(previous: VerifiedCvd | undefined, next: VerifiedCvd): Step['members'] {
  if (previous === undefined) return undefined;
  const sizes = ({ info }: VerifiedCvd) => new Map(info.files.map(({ name, size }) => [name, size]));
  return { published: sizes(previous), next: sizes(next) };
}

/** Brings upstream's `.sign` of the published version into the stage; one that is not good leaves the published one. */
async function acquireLateSign(survey: Survey, cycle: Cycle): Promise<SignRecord | undefined> {
  const { database, published, signOffer } = survey;
  const before = published?.sign;
  if (published === undefined || signOffer === undefined) return before;
  const name = cvdSignName(database, published.version);
  const path = async () => {
    const cvd = cycle.stage.incoming(`signed-${cvdName(database)}`);
    await cycle.store.fetch(cvdName(database), cvd, published.size);
    return cvd;
  };
  const context = contextFor(survey, cycle);
  const outcome = await stageSign(name, signOffer, { sha256: published.sha256, path }, context);
  const now = cycle.now().toISOString();
  if (before?.state === 'published' && outcome.state !== 'published') return { ...before, asked: now };
  return signRecord(before, outcome, { now, asked: now });
}
