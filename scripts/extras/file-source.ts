import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../base/errors.ts';
import { bytes as inWords } from '../base/words.ts';
import { readStart } from '../files/open.ts';
import { ExtraError } from './error.ts';

/** Bytes of a file, or of the file of this name in a folder. The user named it, so links are followed. */
export async function readSource(path: string, name: string, limit: number): Promise<Buffer> {
  let bytes: Buffer;
  try {
    const isFolder = (await stat(path)).isDirectory();
    bytes = await readStart(isFolder ? join(path, name) : path, limit + 1, { follow: true });
  } catch (cause) {
    const code = codeOf(cause) === 'ENOENT' ? 'extra/gone' : 'extra/unreachable';
    throw new ExtraError(code, `${path} cannot be read`, { cause });
  }
  if (bytes.length <= limit) return bytes;
  throw new ExtraError('extra/too-large', `${path} has more than ${inWords(limit)}`, {
    advice: 'If it really is that large, raise its maxSize in the list of extras',
  });
}

/** Path of the file beside another one, or in the folder that holds it. */
export async function besideFile(path: string, suffix: string): Promise<string> {
  const isFolder = await stat(path).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  return isFolder ? path : `${path}${suffix}`;
}
