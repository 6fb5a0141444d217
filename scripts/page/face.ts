import { randomUUID } from 'node:crypto';
import { codeOf, explain } from '../base/errors.ts';
import { HISTORY_BYTES, MARK_BYTES, NOTICE_BYTES } from '../base/limits/page.ts';
import type { Log } from '../base/log.ts';
import type { Manifest } from '../mirror/manifest.ts';
import {
  BADGE_JSON,
  BADGE_SVG,
  FACE,
  FEED_JSON,
  FEED_XML,
  HISTORY_JSON,
  INDEX_HTML,
  JSON_MARK,
  LOCAL_LOGO,
  LOCAL_NOTICE,
  METRICS_PROM,
  STATUS_JSON,
} from '../mirror/pages.ts';
import { LOCAL_STATS } from '../store/file-name.ts';
import type { Store } from '../store/store.ts';
import { BADGE_MARK, badgeJson, badgeSvg } from './badge.ts';
import { allowListEvents, type MirrorEvent, withEvents } from './feed/events.ts';
import { ATOM_MARK, atomFeed, JSON_FEED_MARK, jsonFeed } from './feed/feeds.ts';
import { happeningsOf } from './feed/happenings.ts';
import { type FeedIdentity, identityIn } from './feed/identity.ts';
import { isPending, readSteps, type Steps, settled } from './feed/settled.ts';
import { type History, historyJson, parseHistory } from './history.ts';
import { METRICS_MARK, metrics } from './metrics.ts';
import { type OwnersParts, PAGE_MARK, statusPage } from './page.ts';
import { type CycleFacts, type NewVersion, refusals, withCycle, withVersions } from './record.ts';
import { type StatusFacts, statusOf } from './status.ts';

/** Bytes that a face takes more for a new version once its cycle has ended, when feeds, history and page tell of it: about 1000. */
export const TOLD_LATER = 1536;

/** What the store has of a face: the files that tell people and monitors how a mirror is. */
export interface Face {
  readonly history: History;
  readonly feed: FeedIdentity;
  /** What came and went with the versions that the feeds do not tell yet. */
  readonly steps: Steps;
  readonly owners: OwnersParts;
  /** Names that somebody else's files have, which are left alone. */
  readonly others: ReadonlySet<string>;
}

/** What a face tells of. */
export interface FaceFacts
  extends Pick<StatusFacts, 'manifest' | 'now' | 'quarantine' | 'coolDown' | 'publicUrl'> {
  /** A cycle, as far as it came. */
  readonly cycle?: CycleFacts;
  /** True until it has ended, and what it published stays. */
  readonly isUnderWay?: boolean;
  /** New versions that no cycle brought. */
  readonly versions?: readonly NewVersion[];
  /** The manifest before, whose allow list may have been another; `undefined`: there was none. */
  readonly previous?: Manifest | undefined;
  /** What else happened, such as a release. */
  readonly events?: readonly MirrorEvent[];
}

/**
 * Reads what the store has of a face. A file that is not ours keeps its name: the owner may have had an `index.html`
 * before this program made one.
 */
export async function openFace(
  store: Pick<Store, 'where' | 'readStart' | 'names'>,
  listing: ReadonlyMap<string, number>,
  { now, log }: { readonly now: Date; readonly log: Pick<Log, 'warn' | 'info'> },
): Promise<Face> {
  const links = new Set((await store.names?.()) ?? []);
  const isThere = (name: string) => listing.has(name) || links.has(name);
  const others = new Set<string>();
  const start = async (name: string, length: number) => {
    if (!listing.has(name)) return undefined;
    const bytes = await store.readStart(name, length).catch((error) => {
      if (codeOf(error) !== 'store/missing')
        log.warn(`${name} in ${store.where} cannot be read: ${explain(error)}`);
      return undefined;
    });
    return bytes?.toString('utf8');
  };
  const read = await Promise.all(
    FACE.map(async (name) => {
      const text = await start(name, name === HISTORY_JSON ? HISTORY_BYTES + 1 : MARK_BYTES);
      const isOurs = text?.slice(0, MARK_BYTES).includes(MARKS[name] ?? '') ?? !isThere(name);
      if (!isOurs) others.add(name);
      return [name, isOurs ? text : undefined] as const;
    }),
  );
  if (others.size > 0)
    log.info(`left alone, for they are not ours: ${[...others].join(', ')} in ${store.where}`);
  const notice = await start(LOCAL_NOTICE, NOTICE_BYTES + 1);
  const isTooLong = notice !== undefined && Buffer.byteLength(notice) > NOTICE_BYTES;
  if (isTooLong)
    log.warn(`${LOCAL_NOTICE} in ${store.where} is not shown: it has more than ${NOTICE_BYTES} bytes`);
  // no listing goes into this folder
  const hasStats = await store.readStart(LOCAL_STATS, 1).then(
    () => true,
    () => false,
  );
  const texts = new Map(read);
  const history = parseHistory(texts.get(HISTORY_JSON), now);
  return {
    history,
    feed: history.feed ?? newFeed(texts.get(FEED_XML), now),
    steps: await readSteps(history, store, log),
    owners: { hasLogo: listing.has(LOCAL_LOGO), hasStats, notice: isTooLong ? undefined : notice },
    others,
  };
}

/** An earlier version of this program writes a history without an identity, and leaves the feed as it is. */
function newFeed(feed: string | undefined, now: Date): FeedIdentity {
  return { id: identityIn(feed) ?? randomUUID(), since: now.toISOString() };
}

/** Makes all files of a face for this manifest, by name, in the order in which they are written. */
export function facePages(face: Face, facts: FaceFacts): ReadonlyMap<string, string> {
  const { manifest, cycle } = facts;
  const history = nextHistory(face, facts);
  const { publicUrl, events } = history;
  const certain = { events, changes: history.changes.filter((one) => !isPending(one)) };
  const feedFacts = { feed: face.feed, happenings: happeningsOf(certain), publicUrl };
  const status = statusOf({
    ...facts,
    publicUrl,
    history,
    problems: cycle?.problems,
    failingExtras: cycle?.failingExtras,
  });
  const pages = new Map([
    [HISTORY_JSON, historyJson(history)],
    [STATUS_JSON, `${JSON.stringify(status, undefined, 2)}\n`],
    [FEED_XML, atomFeed(feedFacts)],
    [FEED_JSON, jsonFeed(feedFacts)],
    [BADGE_SVG, badgeSvg(status)],
    [BADGE_JSON, badgeJson(status)],
    [METRICS_PROM, metrics(status)],
    [INDEX_HTML, statusPage({ status, manifest, history, owners: face.owners })],
  ]);
  for (const name of face.others) pages.delete(name);
  return pages;
}

/** The history with what this face tells of. */
function nextHistory(face: Face, facts: FaceFacts): History {
  const { manifest, now, cycle, isUnderWay = false, versions = [], quarantine } = facts;
  const known =
    cycle === undefined
      ? withVersions(face.history, versions, manifest, now)
      : withCycle(face.history, cycle, manifest, now);
  const { publicUrl: before, ...rest } = isUnderWay ? known : settled(known, face.steps);
  const publicUrl = cycle === undefined ? before : withoutUser(facts.publicUrl);
  const barred = Object.entries(quarantine).map(([database, one]) => ({ ...one, database }));
  const events = [
    ...refusals(barred, manifest, now), // told before, if the history is whole
    ...('previous' in facts ? allowListEvents(facts.previous, manifest, now) : []),
    ...(facts.events ?? []),
  ];
  return {
    ...rest,
    events: withEvents(known.events, events),
    feed: face.feed,
    ...(publicUrl !== undefined && { publicUrl }),
  };
}

/** True if the history has changes that the feeds do not tell yet. */
export function hasPending({ history }: Pick<Face, 'history'>): boolean {
  return history.changes.some(isPending);
}

/** An address as everybody may read it. */
function withoutUser(url: string | undefined): string | undefined {
  return url?.replace(/^(https?:\/\/)[^/]*@/, '$1');
}

/** Bytes of pages. */
export function bytesOf(pages: ReadonlyMap<string, string>): number {
  return [...pages.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}

/** Text near the start of each file that is ours. */
const MARKS: Readonly<Record<string, string>> = {
  [HISTORY_JSON]: JSON_MARK,
  [STATUS_JSON]: JSON_MARK,
  [INDEX_HTML]: PAGE_MARK,
  [FEED_XML]: ATOM_MARK,
  [FEED_JSON]: JSON_FEED_MARK,
  [BADGE_SVG]: BADGE_MARK,
  [BADGE_JSON]: '"label": "ClamAV mirror"',
  [METRICS_PROM]: METRICS_MARK,
};
