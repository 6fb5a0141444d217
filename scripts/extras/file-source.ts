import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { readStart } from '../files/open.ts';
import { ExtraError } from './error.ts';

/** Bytes of a file, or of the file of this name in a folder. The user named it, so links are followed. */
export async function readSource(path: string, name: string, limit: number): Promise<Buffer> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const bytes = await readStart(isFolder ? join(path, name) : path, limit + 1, { follow: true });
    if (bytes.length <= limit) return bytes;
  } catch (cause) {
    const code = codeOf(cause) === 'ENOENT' ? 'extra/gone' : 'extra/unreachable';
    throw new ExtraError(code, `${path} cannot be read`, { cause });
  }
  throw new ExtraError('extra/too-large', `${path} has more than ${limit} bytes`, {
    advice: 'If it really is that large, raise its maxSize in the list of extras',
  });
}
