import { SIGN_CHARACTERS } from '../../base/limits/manifest.ts';
import type { SignRecord } from '../manifest.ts';

/** State of the `.sign` of a published CVD. */
export type SignState =
  | { readonly state: 'published'; readonly notAfter: string; readonly etag?: string | undefined }
  | { readonly state: 'withheld'; readonly reason: string; readonly etag?: string | undefined }
  | { readonly state: 'missing' };

/** Record of a `.sign` after upstream was asked for it, or after a new check. */
export function signRecord(
  before: SignRecord | undefined,
  outcome: SignState,
  times: { readonly now: string; readonly asked: string },
): SignRecord {
  const { now, asked } = times;
  const isSame = before !== undefined && isPublished(before) === isPublished(outcome);
  const since = isSame ? before.since : now; // a missing and a withheld one shut out the same clients
  const { state } = outcome;
  if (state === 'missing') return { state, since, asked };
  const etag =
    outcome.etag !== undefined && outcome.etag.length <= SIGN_CHARACTERS.etag ? { etag: outcome.etag } : {};
  if (state === 'withheld')
    return { state, since, asked, reason: outcome.reason.slice(0, SIGN_CHARACTERS.reason), ...etag };
  return { state, since, asked, notAfter: outcome.notAfter, ...etag };
}

function isPublished({ state }: Pick<SignRecord, 'state'>): boolean {
  return state === 'published';
}
