import { createHash } from 'node:crypto';
import { codeOf } from '../base/errors.ts';
import { HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { chunksOf, readStart } from '../files/open.ts';
import type { FileRecord } from './file-record.ts';

/**
 * True if a file is the one that a manifest published, whole or damaged. An intact CVD with other bytes belongs to
 * somebody else.
 */
export async function isPublishedFile(path: string, { sha256 }: FileRecord): Promise<boolean> {
  try {
    const md5 = md5In(await readStart(path, HEADER_SIZE));
    if (md5 === undefined) return true; // no intact CVD, so nobody else's
    const [whole, body] = [createHash('sha256'), createHash('md5')];
    let at = 0;
    for await (const chunk of chunksOf(path)) {
      whole.update(chunk);
      body.update(chunk.subarray(Math.max(0, HEADER_SIZE - at)));
      at += chunk.length;
    }
    return whole.digest('hex') === sha256 || body.digest('hex') !== md5;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'file/not-regular') return false;
    throw error;
  }
}

/** MD5 in the header of a CVD, of all bytes behind the header. */
function md5In(start: Buffer): string | undefined {
  try {
    return parseHeader(start).md5;
  } catch {
    return undefined;
  }
}
