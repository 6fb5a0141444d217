import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { bytes } from '../../base/log.ts';
import { FOREIGN, requireSafeWay, unsafe } from '../../files/safe-path.ts';
import { trustedOwners } from '../../files/trusted-owners.ts';
import { FolderStore, PRIVATE_FOLDER } from '../../store/folder.ts';
import type { DoctorContext } from '../context.ts';
import { badBy, good, type Seen } from '../finding.ts';
import { freeIn, noFolder, roomForStore, tooLittle, unwritable } from './disk-space.ts';

/** The folder that is published can be made or written to, nobody else can exchange it, and it has room. */
export async function checkStoreFolder({
  settings: { sync },
  testFolders,
}: Pick<DoctorContext, 'settings' | 'testFolders'>): Promise<Seen> {
  const { store } = sync;
  const other = await noFolder(store, 'store');
  if (other !== undefined) return other;
  try {
    await requireSafeWay(store, `the store ${store}`);
    await requireOurCorner(store);
    const free = await freeIn((await testFolders.inStore(store)).folder);
    const needed = roomForStore(sync) - (await sizeOf(store));
    return tooLittle(store, free, needed, 'store') ?? good(`${store}, ${bytes(free)} free`);
  } catch (error) {
    return codeOf(error) === 'setting/unsafe-folder' ? badBy(error) : unwritable(error, store, 'store');
  }
}

/** Throws `setting/unsafe-folder` for a corner that is somebody else's. */
async function requireOurCorner(store: string): Promise<void> {
  const path = join(store, PRIVATE_FOLDER);
  const stats = await lstat(path).catch((error) => {
    if (codeOf(error) !== 'ENOENT') throw error;
  });
  if (stats === undefined) return;
  const what = `the store ${store}`;
  if (!stats.isDirectory()) throw unsafe(what, path, path, stats, 'is a link or a file');
  if (!(await trustedOwners()).owns(stats.uid)) throw unsafe(what, path, path, stats, FOREIGN);
}

/** Bytes of what is published. */
async function sizeOf(store: string): Promise<number> {
  return [...(await new FolderStore(store).list()).values()].reduce((sum, size) => sum + size, 0);
}
