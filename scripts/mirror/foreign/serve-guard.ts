import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, MirrorError } from '../../base/errors.ts';
import { parseFileName } from '../../cvd/names.ts';
import { MANIFEST, type Store } from '../../store/store.ts';
import { type OwnManifest, parseOwnManifest, type Unread } from '../own-manifest.ts';
import { foreignFiles, isDatabaseFile } from './foreign-files.ts';

/** Time for which the last read manifest counts as current. */
const MANIFEST_TRUSTED_MS = 1_000;

/**
 * Guard that tells a host which names it must not serve: files in the folder of a mirror that clients would take for
 * its databases, but that its manifest does not name. Without a readable manifest nothing is hidden. Files that an
 * invalid part of the manifest may name are not hidden either.
 */
export function foreignGuard(
  store: Pick<Store, 'where' | 'readManifest'>,
): (name: string) => Promise<boolean> {
  let own: OwnManifest | undefined;
  let [seal, checkedAt] = ['', Number.NEGATIVE_INFINITY];
  let refreshing: Promise<void> | undefined;

  const readIfChanged = async () => {
    const found = await lstat(join(store.where, MANIFEST), { bigint: true }).catch(unlessMissing);
    const now = found === undefined ? '' : [found.ino, found.size, found.mtimeNs, found.ctimeNs].join();
    checkedAt = performance.now();
    if (now === seal) return;
    seal = now;
    own = await read(store);
  };
  const refresh = () => {
    refreshing ??= readIfChanged().finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  };

  return async (name) => {
    if (!isDatabaseFile(name)) return false;
    const isNamed = own !== undefined && Object.hasOwn(own.manifest.files, name);
    if (!isNamed || performance.now() - checkedAt > MANIFEST_TRUSTED_MS) await refresh();
    return foreignFiles(own?.manifest, [name]).length > 0 && !mayBeNamed(name, own?.unread);
  };
}

/**
 * True if an invalid part of the manifest may name this file. While the version of a database is unknown, all its
 * CDIFFs may be named.
 */
function mayBeNamed(name: string, unread: Unread | undefined): boolean {
  if (unread === undefined) return false;
  const { database = '', version } = parseFileName(name) ?? {};
  return unread.files.includes(name) || (version !== undefined && unread.databases.has(database));
}

async function read(store: Pick<Store, 'where' | 'readManifest'>): Promise<OwnManifest | undefined> {
  try {
    const found = await store.readManifest();
    return found && parseOwnManifest(found.text, store.where);
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    return undefined; // sync, status and verify report the error
  }
}

function unlessMissing(error: unknown): undefined {
  if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error;
}
