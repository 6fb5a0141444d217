import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { cvdName } from '../../cvd/names.ts';
import { contentsOf } from '../cvd-contents.ts';
import type { Candidate, StagedDatabase } from '../scenarios/scenario.ts';

/** SHA-256 of a staged CVD. Many clients are compared with it, so it is read once. */
export const stagedHash = once(hashOf);
/** Hashes of the files in a staged CVD (`contentsOf`), read once too. */
export const stagedContents = once(contentsOf);

export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) hash.update(chunk);
  return hash.digest('hex');
}

type OfStaged<T> = (candidate: Candidate, database: string) => Promise<T>;

/** Reads the CVD of a staged database, once for each record of it. */
function once<T>(read: (path: string) => Promise<T>): OfStaged<T> {
  const known = new WeakMap<StagedDatabase, Promise<T>>();
  return async ({ staged, folder }, database) => {
    const record = staged.get(database);
    const earlier = record === undefined ? undefined : known.get(record);
    if (earlier !== undefined) return await earlier;
    const reading = read(join(folder, cvdName(database)));
    if (record !== undefined) known.set(record, reading);
    reading.catch(() => record !== undefined && known.delete(record)); // whoever asks next reads anew
    return await reading;
  };
}
