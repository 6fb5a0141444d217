import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { LOADED_FILES } from '../base/limits/databases.ts';
import { CvdReader } from '../cvd/container/reader.ts';
import { isInfo, isLoaded } from '../cvd/database-extensions.ts';
import { CvdError } from '../cvd/error.ts';
import { feed } from '../files/feed.ts';

/**
 * SHA-256, by name, of every file in a CVD or CLD that ClamAV reads: those that it loads, and `.info`. Other files that
 * freshclam leaves in a CLD are ignored. Proves nothing. Throws `CvdError`.
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

/** Name of the first file that differs; `undefined` if both hold the same. */
export function difference(
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): string | undefined {
  return [...a.keys(), ...b.keys()].find((name) => a.get(name) !== b.get(name));
}
