import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, MirrorError } from '../../base/errors.ts';
import { parseFileName } from '../../cvd/names.ts';
import { MANIFEST, type Store } from '../../store/store.ts';
import { type OwnManifest, parseOwnManifest, type Unread } from '../own-manifest.ts';
import { foreignFiles, isDatabaseFile } from './foreign-files.ts';

/** Milliseconds for which a manifest that was read is the manifest, as to what it names. */
const TRUSTED = 1_000;

/**
 * Tells a host which names it must not serve: files of a mirror's folder that clients would take for its databases and
 * that its manifest does not name. While there is no manifest, or none that can be read, nothing is hidden; nor is what
 * belongs to a part of it that cannot be understood.
 */
export function foreignGuard(
  store: Pick<Store, 'where' | 'readManifest'>,
): (name: string) => Promise<boolean> {
  let own: OwnManifest | undefined;
  let [seal, looked] = ['', Number.NEGATIVE_INFINITY];
  let looking: Promise<void> | undefined;

  const look = async () => {
    const found = await lstat(join(store.where, MANIFEST), { bigint: true }).catch(unlessMissing);
    const now = found === undefined ? '' : [found.ino, found.size, found.mtimeNs, found.ctimeNs].join();
    looked = performance.now();
    if (now === seal) return;
    seal = now;
    own = await read(store);
  };
  const refresh = () => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };

  return async (name) => {
    if (!isDatabaseFile(name)) return false;
    const isNamed = own !== undefined && Object.hasOwn(own.manifest.files, name);
    if (!isNamed || performance.now() - looked > TRUSTED) await refresh();
    return foreignFiles(own?.manifest, [name]).length > 0 && !mayBeNamed(name, own?.unread);
  };
}

/** A file that is unread is named; which steps belong to a database is not known while its version is not. */
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
    return undefined; // sync, status and verify say what is wrong with it
  }
}

function unlessMissing(error: unknown): undefined {
  if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error;
}
