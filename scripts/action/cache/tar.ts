/**
 * Stands in for `tar` on the PATH that cache.ts gives @actions/cache. The library extracts with `tar -xf … -P`: whoever can
 * write a cache could replace any file of the runner by an absolute name, by `..` or through a link. This one packs
 * and unpacks plain files of known names, each with the hash that it is called by, and only in a private folder.
 */

import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { CACHE_BYTES, CACHE_FILES, CACHE_GROWTH_BYTES } from '../../base/limits/github.ts';
import { print } from '../../base/log.ts';
import { encodeTarHeader, paddingOf, TarReader } from '../../cvd/container/tar.ts';
import { type CachedFile, isContentName, limitOf, sourceOf } from './contents.ts';

/** Task of one `tar`, which cache.ts writes to a file. */
export interface TarTask {
  readonly work: string;
  /** Files to pack. */
  readonly files: readonly CachedFile[];
  /** An empty folder, where it is unpacked. */
  readonly unpackTo: string;
}

/** Says to cache.ts that it is not the network that failed. */
export const REFUSED = 'refused: ';

const CHUNK_SIZE = 256 * 1024;

async function main([taskFile = '', ...args]: readonly string[]): Promise<void> {
  const task: TarTask = JSON.parse(readFileSync(taskFile, 'utf8'));
  const after = (option: string) => {
    const at = args.indexOf(option);
    return at === -1 ? undefined : args[at + 1];
  };
  const [to, from] = [after('-cf'), after('-xf')];
  if (to !== undefined) await pack(resolve(to), task);
  else if (from !== undefined) await unpack(resolve(from), task.unpackTo);
}

async function pack(to: string, { work, files }: TarTask): Promise<void> {
  const tar = async function* () {
    for (const { name, size, sha256 } of files) {
      yield encodeTarHeader({ name, size });
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(sourceOf(name, work), { highWaterMark: CHUNK_SIZE })) {
        hash.update(chunk);
        yield chunk;
      }
      if (hash.digest('hex') !== sha256) throw new Error(`${name} is not what it was a moment ago`);
      yield Buffer.alloc(paddingOf(size));
    }
    yield Buffer.alloc(1024);
  };
  await pipeline(tar, createGzip({ level: 0 }), createWriteStream(to)); // what it holds is compressed already
}

/** Unpacks an archive into an empty folder. Throws if anything in it is not ours; what came before that is there. */
export async function unpack(from: string, to: string): Promise<void> {
  let left = CACHE_BYTES;
  let current: { name: string; file: number; hash: Hash } | undefined;
  const finish = () => {
    if (current === undefined) return;
    const { name, file, hash } = current;
    current = undefined;
    closeSync(file);
    if (hash.digest('hex') !== name && limitOf(name) === undefined)
      throw new Error(`${name} has another hash`);
  };
  const reader = new TarReader(
    {
      entry({ name, size }) {
        finish();
        if (!isContentName(name)) throw new Error(`${JSON.stringify(name)} is no file of ours`);
        if (size > (limitOf(name) ?? Number.POSITIVE_INFINITY)) throw new Error(`${name} has ${size} bytes`);
        left -= size + 1024;
        if (left < 0) throw new Error('it holds more than any mirror keeps');
        current = { name, file: openSync(join(to, name), 'wx', 0o644), hash: createHash('sha256') };
      },
      data(chunk) {
        if (current === undefined) return;
        current.hash.update(chunk);
        for (let at = 0; at < chunk.length; ) at += writeSync(current.file, chunk, at);
      },
    },
    { entries: CACHE_FILES },
  );
  try {
    const { size } = statSync(from);
    if (size > CACHE_BYTES) throw new Error('it is larger than any of ours');
    const zipped = createReadStream(from, { highWaterMark: CHUNK_SIZE });
    let inflated = 0;
    await pipeline(zipped, createGunzip({ chunkSize: CHUNK_SIZE }), async (tar) => {
      for await (const chunk of tar) {
        inflated += chunk.length;
        if (inflated > size + CACHE_GROWTH_BYTES) throw new Error('it is compressed, and ours are not');
        reader.write(chunk);
      }
    });
    reader.end();
    finish();
  } catch (error) {
    throw new Error(`${REFUSED}${error instanceof Error ? error.message : error}`);
  }
}

if (import.meta.main) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    print(process.stderr, [error instanceof Error ? error.message : String(error)]);
    process.exitCode = 1;
  }
}
