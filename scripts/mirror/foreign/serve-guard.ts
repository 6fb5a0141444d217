import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, MirrorError } from '../../base/errors.ts';
import type { Store } from '../../store/store.ts';
import { MANIFEST } from '../../store/store.ts';
import { type Manifest, parseManifest } from '../manifest.ts';
import { foreignFiles, isDatabaseFile } from './foreign-files.ts';

/** Milliseconds for which a manifest that was read is the manifest, as to what it names. */
const TRUSTED = 1_000;

/**
 * Tells a host which names it must not serve: files of a mirror's folder that clients would take for its databases and
 * that its manifest does not name. While there is no manifest, or none that can be read, nothing is hidden.
 */
export function foreignGuard(
  store: Pick<Store, 'where' | 'readManifest'>,
): (name: string) => Promise<boolean> {
  let manifest: Manifest | undefined;
  let [seal, looked] = ['', Number.NEGATIVE_INFINITY];
  let looking: Promise<void> | undefined;

  const look = async () => {
    const found = await lstat(join(store.where, MANIFEST), { bigint: true }).catch(unlessMissing);
    const now = found === undefined ? '' : [found.ino, found.size, found.mtimeNs, found.ctimeNs].join();
    looked = performance.now();
    if (now === seal) return;
    seal = now;
    manifest = await read(store);
  };
  const refresh = () => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };

  return async (name) => {
    if (!isDatabaseFile(name)) return false;
    const isNamed = manifest !== undefined && Object.hasOwn(manifest.files, name);
    if (!isNamed || performance.now() - looked > TRUSTED) await refresh();
    return foreignFiles(manifest, [name]).length > 0;
  };
}

async function read(store: Pick<Store, 'where' | 'readManifest'>): Promise<Manifest | undefined> {
  try {
    const found = await store.readManifest();
    return found && parseManifest(found.text, store.where);
  } catch (error) {
    if (!(error instanceof MirrorError)) throw error;
    return undefined; // sync, status and verify say what is wrong with it
  }
}

function unlessMissing(error: unknown): undefined {
  if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error;
}
