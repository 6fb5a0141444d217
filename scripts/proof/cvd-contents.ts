import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { LOADED_FILES } from '../base/limits/databases.ts';
import { CvdReader } from '../cvd/container/reader.ts';
import { isInfo, isLoaded } from '../cvd/database-extensions.ts';
import { CvdError } from '../cvd/error.ts';
import { feed } from '../files/feed.ts';

/**
 * SHA-256 of every file inside a CVD or CLD that ClamAV reads, by name: those it loads, and `.info`. What else freshclam
 * leaves in a CLD is passed over. Proves nothing. Throws `CvdError`.
 */
export async function contentsOf(path: string): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map<string, Hash>();
  let current: Hash | undefined;
  const reader = new CvdReader({
    header() {},
    entry({ name }) {
      current = undefined;
      if (!isLoaded(name) && !isInfo(name)) return;
      if (hashes.size >= LOADED_FILES)
        throw new CvdError('cvd/container', `the container holds more than ${LOADED_FILES} files`);
      current = createHash('sha256');
      hashes.set(name, current);
    },
    data: (chunk) => void current?.update(chunk),
  });
  await feed(createReadStream(path, { highWaterMark: 256 * 1024 }), (piece) => reader.write(piece));
  reader.end();
  return new Map([...hashes].map(([name, hash]) => [name, hash.digest('hex')]));
}

/** The first file that is not the same in both, or `undefined` if there is none. */
export function difference(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): string | undefined {
  return [...a.keys(), ...b.keys()].find((name) => a.get(name) !== b.get(name));
}
