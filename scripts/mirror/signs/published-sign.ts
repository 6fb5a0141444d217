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
 * Fetches the `.sign` of a published CVD to a path outside the stage; `undefined` if the store has no such file, or
 * another one than the manifest names. `withValidSigns` has checked its signature.
 */
export async function fetchPublishedSign(
  database: string,
  version: number,
  source: SignSource,
): Promise<string | undefined> {
  return await fetchSign(cvdSignName(database, version), source);
}

/** Fetches the `.sign` of an archived CVD in the same way. */
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
