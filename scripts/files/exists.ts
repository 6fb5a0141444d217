import { lstat } from 'node:fs/promises';
import { codeOf } from '../base/errors.ts';

/** True if something has this name, even a link that leads nowhere. Throws if that cannot be found out. */
export async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    (error) => {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    },
  );
}
