import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { archiveSignName, cvdSignName } from '../../cvd/names.ts';
import type { Stage } from '../../files/stage.ts';
import { isDamage } from '../../store/damage.ts';
import type { Store } from '../../store/store.ts';
import type { Published } from '../published.ts';

interface SignSource {
  readonly store: Store;
  readonly published: Published;
  readonly stage: Stage;
}

/**
 * Brings the `.sign` of a published CVD to a place outside the stage; `undefined` if there is none that is the file which
 * the manifest names. What it signs is not looked at: `withValidSigns` has.
 */
export async function fetchPublishedSign(
  database: string,
  version: number,
  source: SignSource,
): Promise<string | undefined> {
  return await fetchSign(cvdSignName(database, version), source);
}

/** The same for one in the archive. */
export async function fetchArchivedSign(
  database: string,
  version: number,
  source: SignSource,
): Promise<string | undefined> {
  return await fetchSign(archiveSignName(database, version), source);
}

async function fetchSign(name: string, { store, published, stage }: SignSource): Promise<string | undefined> {
  const record = published.manifest?.files[name];
  if (record === undefined) return undefined;
  const path = stage.incoming(`earlier-${name.replace('/', '-')}`);
  try {
    await store.fetch(name, path, record.size);
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
  const found = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  return found === record.sha256 ? path : undefined;
}
