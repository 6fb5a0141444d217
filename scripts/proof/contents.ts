import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { CvdReader } from '../cvd/archive.ts';

/** SHA-256 of every file inside a CVD or CLD, by name. Proves nothing. Throws `CvdError`. */
export async function contentsOf(path: string): Promise<ReadonlyMap<string, string>> {
  const hashes = new Map<string, Hash>();
  let current: Hash | undefined;
  const reader = new CvdReader({
    header() {},
    entry({ name }) {
      current = createHash('sha256');
      hashes.set(name, current);
    },
    data: (chunk) => void current?.update(chunk),
  });
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) reader.write(chunk);
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
