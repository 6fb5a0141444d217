import { mkdir, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../base/errors.ts';
import { bytes } from '../../base/log.ts';
import { isExtraName } from '../../cvd/extra-names.ts';
import { ARCHIVE_FOLDER, parseFileName } from '../../cvd/names.ts';
import { MANIFEST, type Store, StoreError } from '../../store/store.ts';
import { filesOfOwn } from '../own-manifest.ts';

/**
 * Copies the manifest, every database file and every extra of a mirror to an empty folder, for a check there. A file that is gone by
 * then is reported by that check. Throws `store/limit` if there is not enough space.
 */
export async function fetchTree(store: Store, folder: string): Promise<void> {
  await mkdir(join(folder, ARCHIVE_FOLDER), { recursive: true });
  const manifest = await store.readManifest();
  if (manifest !== undefined) await writeFile(join(folder, MANIFEST), manifest.text);
  const extras = new Set(
    manifest && Object.keys(filesOfOwn(manifest.text, store.where) ?? {}).filter(isExtraName),
  );
  const isOurs = (name: string) => parseFileName(name) !== undefined || extras.has(name);
  const files = [...(await store.list())].filter(([name]) => isOurs(name));
  await requireRoom(
    files.reduce((sum, [, size]) => sum + Math.max(size, 0), 0),
    store.where,
    folder,
  );
  for (const [name, size] of files) {
    await store.fetch(name, join(folder, name), Math.max(size, 0)).catch((error) => {
      if (codeOf(error) !== 'store/missing') throw error;
    });
  }
}

async function requireRoom(needed: number, where: string, folder: string): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (needed <= free) return;
  throw new StoreError(
    'store/limit',
    `${where} holds ${bytes(needed)}, but ${folder} has only ${bytes(free)} free`,
    {
      advice: 'Check the size of the mirror. Then free some space, or set TMPDIR to a larger folder',
    },
  );
}
