import { lstat } from 'node:fs/promises';
import { codeOf } from '../base/errors.ts';

/** True if something has this name, a link that leads nowhere included. Throws where that cannot be found out. */
export async function isThere(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    (error) => {
      if (codeOf(error) === 'ENOENT') return false;
      throw error;
    },
  );
}
