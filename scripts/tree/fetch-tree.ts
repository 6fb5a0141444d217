import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ARCHIVE_FOLDER, parseFileName } from '../cvd/names.ts';
import { codeOf } from '../errors.ts';
import { MANIFEST } from '../store/manifest.ts';
import type { Store } from '../store/store.ts';

/**
 * Copies a published mirror, its manifest and every database file, to an empty folder, to be checked there. What is not
 * there any more when it is copied is left for the check to miss.
 */
export async function fetchTree(store: Store, folder: string): Promise<void> {
  await mkdir(join(folder, ARCHIVE_FOLDER), { recursive: true });
  const manifest = await store.readManifest();
  if (manifest !== undefined) await writeFile(join(folder, MANIFEST), manifest.text);
  for (const name of (await store.list()).keys()) {
    if (parseFileName(name) === undefined) continue;
    await store.fetch(name, join(folder, name)).catch((error) => {
      if (codeOf(error) !== 'store/missing') throw error;
    });
  }
}
