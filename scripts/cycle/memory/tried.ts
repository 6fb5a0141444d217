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

/** A version that was tried in this run. `error`: why it is not published; `undefined`: it passed. */
export interface Attempted {
  readonly database: string;
  readonly tried: Tried;
  readonly error: unknown;
}
