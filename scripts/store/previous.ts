import { cvdName } from '../cvd/names.ts';
import { codeOf, explain } from '../errors.ts';
import { verifyCvdFile } from '../files/verify.ts';
import type { Log } from '../log.ts';
import type { Stage } from '../stage.ts';
import type { VerifiedCvd } from '../verify/cvd.ts';
import { VerifyError } from '../verify/error.ts';
import type { Trust } from '../verify/trust.ts';
import type { Store } from './store.ts';

/**
 * Brings the store's CVD of a database to a place outside the stage and proves it as if it came from a stranger.
 * Its version need not be the manifest's: a run may have been killed between the two. `undefined` if there is none
 * that proves out.
 */
export async function findPrevious(
  database: string,
  parts: { store: Store; trust: Trust; stage: Stage; log: Log },
): Promise<{ path: string; verified: VerifiedCvd } | undefined> {
  const path = parts.stage.incoming(`previous-${cvdName(database)}`);
  try {
    await parts.store.fetch(cvdName(database), path);
    return { path, verified: await verifyCvdFile(path, parts.trust, { database }) };
  } catch (error) {
    if (codeOf(error) === 'store/missing') return undefined;
    if (!(error instanceof VerifyError)) throw error;
    parts.log.warn(`${cvdName(database)} in ${parts.store.where} is of no use: ${explain(error)}`);
    return undefined;
  }
}
