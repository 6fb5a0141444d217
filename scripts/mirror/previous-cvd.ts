import { codeOf, explain } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { archiveName, cvdName } from '../cvd/names.ts';
import type { Stage } from '../files/stage.ts';
import { verifyCvdFile } from '../files/verify.ts';
import { isDamage } from '../store/damage.ts';
import type { Store } from '../store/store.ts';
import type { VerifiedCvd } from '../verify/cvd.ts';
import type { Trust } from '../verify/trust.ts';
import { archiveOf } from './archive.ts';
import { isListed, type Published } from './published.ts';

interface PreviousParts {
  readonly store: Store;
  readonly published: Published;
  readonly trust: Trust;
  readonly stage: Stage;
  readonly log: Log;
}

/** A CVD of the store on this machine, proven as if it came from a stranger. */
interface PreviousCvd {
  readonly path: string;
  readonly verified: VerifiedCvd;
}

/**
 * Brings the store's CVD of a database to a place outside the stage and proves it. Its version need not be the manifest's:
 * a run may have been killed between the two. Where it does not prove out, the newest of the archive that does stands in:
 * a new version can be rebuilt from that too. `undefined` if there is none.
 */
export async function findPrevious(database: string, parts: PreviousParts): Promise<PreviousCvd | undefined> {
  const { published } = parts;
  const served = await prove(cvdName(database), database, undefined, parts);
  if (served !== undefined) return served;
  for (const [version, record] of archiveOf(published.manifest, database)) {
    const name = archiveName(database, version);
    const found = isListed(name, record, published) ? await prove(name, database, version, parts) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

async function prove(
  name: string,
  database: string,
  version: number | undefined,
  { store, published, trust, stage, log }: PreviousParts,
): Promise<PreviousCvd | undefined> {
  const path = stage.incoming(`previous-${cvdName(database)}`);
  try {
    const listed = published.listing.get(name) ?? 0;
    await store.fetch(name, path, listed > 0 ? listed : undefined);
    return { path, verified: await verifyCvdFile(path, trust, { database, version }) };
  } catch (error) {
    if (codeOf(error) === 'store/missing') return undefined;
    if (!isDamage(error)) throw error;
    log.warn(`${name} in ${store.where} is of no use: ${explain(error)}`);
    return undefined;
  }
}
