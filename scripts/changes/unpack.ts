import { closeSync, openSync, writeSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type TarHandler, TarReader } from '../cvd/container/tar.ts';
import { CvdError } from '../cvd/error.ts';
import { type CvdHeader, HEADER_SIZE, parseHeader } from '../cvd/header.ts';
import { chunksOf, chunksOfSync, readStart } from '../files/open.ts';

/**
 * Reads a CVD that is proven to be genuine, in a third of the time that `CvdReader` takes, because Node inflates it. Throws
 * `CvdError`.
 */
export async function readProvenCvd(path: string, handler: TarHandler): Promise<CvdHeader> {
  const header = parseHeader(await readStart(path, HEADER_SIZE));
  const tar = new TarReader(handler);
  try {
    await pipeline(Readable.from(bodyOf(path)), createGunzip({ chunkSize: CHUNK_SIZE }), async (chunks) => {
      for await (const chunk of chunks) tar.write(chunk);
    });
  } catch (cause) {
    if (cause instanceof CvdError) throw cause;
    throw new CvdError('cvd/gzip', `cannot inflate ${path}`, { cause });
  }
  tar.end();
  return header;
}

const CHUNK_SIZE = 256 * 1024;

async function* bodyOf(path: string): AsyncGenerator<Buffer> {
  let skip = HEADER_SIZE;
  for await (const chunk of chunksOf(path)) {
    if (skip < chunk.length) yield chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.length);
  }
}

/** Files of a CVD, unpacked into a folder of their own, which is gone when this is disposed of. */
export interface Unpacked extends AsyncDisposable {
  readonly header: CvdHeader;
  readonly names: readonly string[];
  read(name: string): Iterable<Uint8Array>;
}

/** Unpacks a CVD that is proven to be genuine. `folder` is ours alone, and need not exist. */
export async function unpackProvenCvd(path: string, folder: string): Promise<Unpacked> {
  const names: string[] = [];
  const places = new Map<string, string>();
  let file: number | undefined;
  const close = () => {
    if (file !== undefined) closeSync(file);
    file = undefined;
  };
  const dispose = async () => await rm(folder, { recursive: true, force: true });
  await dispose();
  await mkdir(folder, { mode: 0o700 });
  try {
    const header = await readProvenCvd(path, {
      entry: ({ name }) => {
        close();
        const place = join(folder, String(names.length)); // a name in a container is no path
        places.set(name, place);
        names.push(name);
        file = openSync(place, 'wx', 0o600);
      },
      data: (chunk) => {
        for (let at = 0; file !== undefined && at < chunk.length; ) at += writeSync(file, chunk, at);
      },
    });
    const read = (name: string) => chunksOfSync(places.get(name) ?? folder);
    return { header, names, read, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  } finally {
    close();
  }
}
