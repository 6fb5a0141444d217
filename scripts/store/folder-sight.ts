import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { type Sight, StoreError } from './store.ts';

const DAY_MS = 24 * 60 * 60_000;
const CHUNK_SIZE = 256 * 1024;

/** View of the files in a folder for the inspection; `names` lists them. */
export function folderSight(folder: string, names: () => Promise<Iterable<string>>): Sight {
  return {
    trustedFor: DAY_MS,
    isFar: false,
    async seals() {
      const seals = new Map<string, string>();
      for (const name of await names()) {
        const found = await lstat(join(folder, name), { bigint: true }).catch(ignoreMissing);
        if (found === undefined) continue;
        const { size, ino, mtimeNs, ctimeNs } = found;
        seals.set(name, [size, ino, mtimeNs, ctimeNs].join(' '));
      }
      return seals;
    },
    async hash(name, size) {
      try {
        return await hashOf(join(folder, name), size);
      } catch (cause) {
        throw new StoreError('store/unreadable', `cannot read ${name} in ${folder}`, { cause });
      }
    },
  };
}

async function hashOf(path: string, size: number): Promise<string | undefined> {
  // follow no link, and do not wait at a pipe
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch(ignoreMissing);
  if (file === undefined) return undefined;
  try {
    const found = await file.stat();
    if (!found.isFile() || found.size !== size) return undefined;
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafeSlow(CHUNK_SIZE);
    let [left, read] = [size, 0];
    do {
      read = (await file.read(buffer, 0, Math.min(CHUNK_SIZE, left))).bytesRead;
      hash.update(buffer.subarray(0, read));
      left -= read;
    } while (read > 0 && left > 0);
    return left === 0 ? hash.digest('hex') : undefined;
  } finally {
    await file.close();
  }
}

/** Ignores that a file is gone or is a link. */
function ignoreMissing(error: unknown): undefined {
  if (!['ENOENT', 'ELOOP', 'ENOTDIR'].includes(codeOf(error) ?? '')) throw error;
}
