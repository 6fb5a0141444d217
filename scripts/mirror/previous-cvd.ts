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

interface PreviousContext {
  readonly store: Store;
  readonly published: Published;
  readonly trust: Trust;
  readonly stage: Stage;
  readonly log: Log;
}

/** CVD of the store on this machine, proven as if a stranger had sent it. */
interface PreviousCvd {
  readonly path: string;
  readonly verified: VerifiedCvd;
}

/**
 * Fetches the CVD of a database from the store to a path outside the stage and proves it. Its version may differ from
 * the manifest, because a run may have been killed between the two. If it does not pass, the newest archived CVD that
 * passes takes its place: a new version can be rebuilt from that too. `undefined` if no CVD passes.
 */
export async function findPrevious(
  database: string,
  context: PreviousContext,
): Promise<PreviousCvd | undefined> {
  const { published } = context;
  const served = await prove(cvdName(database), database, undefined, context);
  if (served !== undefined) return served;
  for (const [version, record] of archiveOf(published.manifest, database)) {
    const name = archiveName(database, version);
    const found = isListed(name, record, published)
      ? await prove(name, database, version, context)
      : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

async function prove(
  name: string,
  database: string,
  version: number | undefined,
  { store, published, trust, stage, log }: PreviousContext,
): Promise<PreviousCvd | undefined> {
  const path = stage.incoming(`previous-${cvdName(database)}`);
  try {
    const listed = published.listing.get(name) ?? 0;
    await store.fetch(name, path, listed > 0 ? listed : undefined);
    return { path, verified: await verifyCvdFile(path, trust, { database, version }) };
  } catch (error) {
    if (codeOf(error) === 'store/missing') return undefined;
    if (!isDamage(error)) throw error;
    log.warn(`ignoring ${name} in ${store.where}: ${explain(error)}`);
    return undefined;
  }
}
