import { join } from 'node:path';
import { isS3Address } from '../../store/s3/address.ts';
import type { CycleDeps } from '../context.ts';
import type { CycleSettings } from '../settings.ts';
import type { Adoption } from './adoption.ts';
import { readFolder } from './read-folder.ts';

/** Folder of the copies, below the work folder; its name lets each run clear it. */
const COPIES = '.tmp-adopted';

/** Reads the folder that the settings name, if they name one. Throws `AdoptError`. */
export async function openAdoption(
  { adopt, work, store, databases, window, maxSize }: CycleSettings,
  { trust, log }: Pick<CycleDeps, 'trust' | 'log'>,
): Promise<Adoption | undefined> {
  if (adopt === undefined) return undefined;
  const written = isS3Address(store) ? [work] : [work, store];
  const context = { databases, window, maxSize, trust, log };
  return await readFolder({ ...context, folder: adopt, copies: join(work, COPIES), written });
}
