import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { explain } from '../../base/errors.ts';
import { LOCAL_BYTES, LOCAL_FILES } from '../../base/limits/page.ts';
import { counted } from '../../base/words.ts';
import { chunksOf, openRegular } from '../../files/open.ts';
import { readPublished } from '../../mirror/published.ts';
import type { CycleDeps } from '../context.ts';
import type { CycleSettings } from '../settings.ts';

/** A name that the owner of a mirror has for himself, and nobody takes for a database. */
const LOCAL_NAME = /^local_[A-Za-z0-9][A-Za-z0-9._-]{0,100}$/;

/**
 * Publishes the owner's files: those of a folder whose names begin with `local_`, as far as the store has others or none.
 * What else is in the folder is named and left alone, and nothing is removed from the store. A cycle counts whether or
 * not this succeeds. Returns false if it has to wait until something was published: nothing shows yet that the store is
 * ours.
 */
export async function bringLocalFiles(
  { local: folder, dryRun }: Pick<CycleSettings, 'local' | 'dryRun'>,
  { store, log }: Pick<CycleDeps, 'store' | 'log'>,
): Promise<boolean> {
  if (folder === undefined || dryRun) return true;
  try {
    const { manifest, tag, listing } = await readPublished(store);
    if (manifest === undefined) return false;
    const changed: LocalFile[] = [];
    for (const file of await localFilesIn(folder, log)) {
      const isThere = listing.get(file.name) === file.size;
      if (!isThere || (await store.sight.hash(file.name, file.size)) !== file.sha256) changed.push(file);
    }
    if (changed.length === 0) return true;
    await using publication = await store.begin(tag);
    for (const { name, path, sha256 } of changed) await publication.put(name, path, { sha256 });
    await publication.commit();
    log.info(`published ${changed.map(({ name }) => name).join(', ')} from ${folder}`);
  } catch (error) {
    log.warn(`the files of ${folder} were not published: ${explain(error)}`);
  }
  return true;
}

interface LocalFile {
  readonly name: string;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
}

async function localFilesIn(folder: string, log: CycleDeps['log']): Promise<LocalFile[]> {
  const names = (await readdir(folder)).sort();
  const strange = names.filter((name) => !LOCAL_NAME.test(name));
  if (strange.length > 0)
    log.warn(
      `left out, because their names do not begin with local_: ${strange.slice(0, LOCAL_FILES).join(', ')}`,
    );
  const own = names.filter((name) => LOCAL_NAME.test(name));
  if (own.length > LOCAL_FILES)
    log.warn(`${folder} has ${counted(own.length, 'file')}: only the first ${LOCAL_FILES} are published`);
  const found: LocalFile[] = [];
  for (const name of own.slice(0, LOCAL_FILES)) {
    const file = await describe(name, join(folder, name)).catch((error) => explain(error));
    if (typeof file === 'string') log.warn(`${name} is left out: ${file}`);
    else found.push(file);
  }
  return found;
}

async function describe(name: string, path: string): Promise<LocalFile | string> {
  await using file = await openRegular(path);
  const { size } = file.stats;
  if (size > LOCAL_BYTES) return `it has more than ${LOCAL_BYTES} bytes`;
  const hash = createHash('sha256');
  for await (const chunk of chunksOf(path)) hash.update(chunk);
  return { name, path, size, sha256: hash.digest('hex') };
}
