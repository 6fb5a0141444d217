import type { DatabaseRecord } from '../mirror/manifest.ts';
import type { Advertisement } from '../upstream/advertise.ts';
import type { UpstreamError } from '../upstream/error.ts';
import type { Fetched, UpstreamFiles } from '../upstream/http-client.ts';
import type { Step } from './gate/plausibility.ts';
import type { RefusalError } from './gate/refusal.ts';

/** An upstream that was asked for a database and does not serve it in this cycle. */
export interface PassedOver {
  readonly client: UpstreamFiles;
  readonly code: string;
  readonly reason: string;
  /** Error that kept it from serving; without it, it has nothing newer. */
  readonly error?: unknown;
}

/** One database at the start of a cycle: what is published, and what upstream says of it. */
export interface Survey {
  readonly database: string;
  /** Client of the upstream that serves it in this cycle, or was to serve it. */
  readonly client: UpstreamFiles;
  /** Other upstreams that were asked. */
  readonly passedOver?: readonly PassedOver[];
  readonly published: DatabaseRecord | undefined;
  readonly advertisement: Advertisement;
  /** Upstream's `.sign` of the published version, if it is another one than the published. */
  readonly signOffer?: Fetched;
  /** A fact about what is published that the report should tell. */
  readonly note?: string;
  /** Reason not to try the version on offer: it was refused before, or has not come right lately. */
  readonly quarantined?: RefusalError | UpstreamError;
  /** Error of asking upstream, or of an offer that cannot be believed. */
  readonly error?: unknown;
}

/** Origin of the published version of a database. */
export type How = 'adopted' | 'downloaded' | 'rebuilt' | 'rolled back' | 'unchanged';

/** One database as the next manifest will describe it. */
export interface Update {
  readonly database: string;
  /** `undefined` if there is nothing of this database to serve. */
  readonly record: DatabaseRecord | undefined;
  /** True if the stage holds files of it that are not published yet. */
  readonly isNew: boolean;
  readonly how: How;
  /** Reason why a new version was downloaded and not rebuilt. */
  readonly because?: string | undefined;
  /** Path of the CVD that clients of the mirror have now. */
  readonly publishedCvd?: string | undefined;
  /** Path of its `.sign`, if it has one. */
  readonly publishedSign?: string | undefined;
  /** Sizes of the files inside the published container and inside the new one. */
  readonly members?: Step['members'];
  /** Reason why there is no update, or not the whole of it. */
  readonly error?: unknown;
}

/** Bytes of bodies taken for a database, from all upstreams that were asked. */
export function bytesFor({ client, passedOver = [] }: Survey): number {
  return [client, ...passedOver.map((one) => one.client)].reduce((sum, { received }) => sum + received, 0);
}

/** True if there is something to fetch: a new version, another `.sign`, or a CDIFF that was missing. */
export function hasWork({ advertisement, quarantined, published, signOffer, error }: Survey): boolean {
  const isNew = advertisement.isNew && quarantined === undefined;
  const lacksCdiffs = error === undefined && (published?.missingCdiffs.length ?? 0) > 0;
  return isNew || signOffer !== undefined || lacksCdiffs;
}

/** A database of which nothing is fetched: it stays as it is published. */
export function asPublished({ database, published, error, quarantined }: Survey): Update {
  return { database, record: published, how: 'unchanged', isNew: false, error: error ?? quarantined };
}
