import * as v from 'valibot';
import { UPSTREAMS } from '../../base/limits/upstream.ts';
import { hasWork, type Survey } from '../database.ts';

/** A version that a run tries, or late files of the published one. */
export interface Tried {
  readonly version: number;
  /** MD5 of the CVD, as its header gives it: a version that upstream made anew is another one. */
  readonly md5: string;
}

/** Stands in for the MD5 of late CDIFFs or of a `.sign` of the published version, which have none in common. */
export const LATE_FILES = 'late files';

/** Names the version or late files that a run is about to try; `undefined` if there is nothing to do. */
export function triedOf(survey: Survey): Tried | undefined {
  const { advertisement, published, quarantined } = survey;
  if (!hasWork(survey)) return undefined;
  if (!advertisement.isNew || quarantined !== undefined)
    return published && { version: published.version, md5: LATE_FILES };
  const { version, md5 } = advertisement.offer.header;
  return { version, md5 };
}

/** Upstreams whose files of a version did not come right. */
export const AtUpstreams = v.optional(
  v.pipe(v.array(v.pipe(v.string(), v.maxLength(2000))), v.maxLength(UPSTREAMS)),
);

/** What is known of a version that did not come right; without upstreams, it holds for all. */
interface KnownWrong extends Tried {
  readonly upstreams?: readonly string[] | undefined;
}

/** True if this version from this upstream did not come right: another upstream may have the files right. */
export function isOf(known: KnownWrong, { version, md5 }: Tried, upstream: string): boolean {
  const isSame = known.version === version && known.md5 === md5;
  return isSame && (known.upstreams === undefined || known.upstreams.includes(upstream));
}

/** The upstreams whose files of a version did not come right, with those that are known already. */
export function allUpstreams(known: KnownWrong | undefined, { tried, upstreams }: Attempted): string[] {
  const isSame = known?.version === tried.version && known.md5 === tried.md5;
  const all = [...new Set([...(isSame ? (known.upstreams ?? []) : []), ...upstreams])];
  return all.slice(-UPSTREAMS);
}

/** A version that was tried in this run. `error`: why it is not published; `undefined`: it passed. */
export interface Attempted {
  readonly database: string;
  readonly tried: Tried;
  readonly error: unknown;
  /** URLs of the upstreams whose files had this kind of error. */
  readonly upstreams: readonly string[];
}
