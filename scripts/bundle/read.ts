import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { BUNDLE_CONTENTS_BYTES } from '../base/limits/given.ts';
import { encodeTarHeader, paddingOf, parseTarHeader, TAR_HEADER_SIZE } from '../cvd/container/tar.ts';
import { CvdError } from '../cvd/error.ts';
import { withRoom } from '../files/disk-space.ts';
import { chunksOf } from '../files/open.ts';
import { CONTENTS, CONTENTS_SUM, type Contents, parseContents } from './contents.ts';
import { BundleError } from './error.ts';
import type { BundleFiles } from './grouped.ts';
import { END, sha256, sumLine } from './write.ts';

/** A bundle whose every byte was compared with its list of contents. Its databases are not proven yet. */
export interface Bundle {
  readonly name: string;
  readonly contents: Contents;
  /** SHA-256 of the list of contents. */
  readonly sum: string;
  /** Paths of its files, by name. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Unpacks a bundle into an empty folder of ours. It must be, byte for byte, what the export would write for its list of
 * contents. Throws `bundle/damaged`, `bundle/piece`.
 */
export async function readBundle({ name, paths }: BundleFiles, folder: string): Promise<Bundle> {
  await using bytes = new Bytes(name, paths);
  const sumText = await smallEntry(bytes, CONTENTS_SUM, sumLine('0'.repeat(64)).length);
  const list = await smallEntry(bytes, CONTENTS, BUNDLE_CONTENTS_BYTES);
  const sum = sha256(list);
  if (sumText.toString('latin1') !== sumLine(sum))
    throw damaged(name, `${CONTENTS} does not have the SHA-256 that stands before it`);
  const contents = parseContents(list.toString('utf8'), name);
  const files = new Map<string, string>();
  for (const file of contents.files) {
    const path = join(folder, file.name);
    await bytes.expect(encodeTarHeader(file), file.name);
    await unpack(bytes, file, path);
    await bytes.expect(Buffer.alloc(paddingOf(file.size)), file.name);
    files.set(file.name, path);
  }
  await bytes.expect(END, 'its end');
  await bytes.expectEnd();
  return { name, contents, sum, files };
}

async function smallEntry(bytes: Bytes, name: string, limit: number): Promise<Buffer> {
  const header = await bytes.take(TAR_HEADER_SIZE, name);
  const size = sizeIn(header, name, bytes.name);
  if (size > limit) throw damaged(bytes.name, `${name} has more than ${limit} bytes`);
  if (!header.equals(encodeTarHeader({ name, size })))
    throw damaged(bytes.name, `${name} does not begin as it should`);
  const content = await bytes.take(size, name);
  await bytes.expect(Buffer.alloc(paddingOf(size)), name);
  return content;
}

function sizeIn(header: Buffer, wanted: string, where: string): number {
  try {
    const { name, size } = parseTarHeader(header);
    if (name === wanted) return size;
  } catch (cause) {
    if (!(cause instanceof CvdError)) throw cause;
  }
  throw damaged(
    where,
    `it does not begin with ${wanted}: this is no bundle of clamav-mirror, or a damaged one`,
  );
}

async function unpack(
  bytes: Bytes,
  file: { readonly name: string; readonly size: number; readonly sha256: string },
  path: string,
): Promise<void> {
  const hash = createHash('sha256');
  await using into = await open(path, 'wx', 0o600);
  for await (const chunk of bytes.stream(file.size, file.name)) {
    hash.update(chunk);
    await withRoom(
      path,
      () => into.writeFile(chunk),
      async () => file.size,
    );
  }
  if (hash.digest('hex') !== file.sha256)
    throw damaged(bytes.name, `${file.name} does not have the SHA-256 of its list`);
}

/** The bytes of all pieces, one after another. */
class Bytes implements AsyncDisposable {
  readonly name: string;
  readonly #chunks: AsyncGenerator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(name: string, paths: readonly string[]) {
    this.name = name;
    this.#chunks = chained(paths);
  }

  async take(length: number, of: string): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of this.stream(length, of)) parts.push(part);
    return Buffer.concat(parts);
  }

  async *stream(length: number, of: string): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      if (this.#rest.length === 0 && !(await this.#more())) throw cut(this.name, of);
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async expect(wanted: Buffer, of: string): Promise<void> {
    if (!(await this.take(wanted.length, of)).equals(wanted))
      throw damaged(this.name, `what stands around ${of} is not as the export writes it`);
  }

  async expectEnd(): Promise<void> {
    if (this.#rest.length > 0 || (await this.#more())) throw damaged(this.name, 'something follows its end');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chunks.return(undefined);
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    this.#rest = done === true ? Buffer.alloc(0) : value;
    return done !== true;
  }
}

async function* chained(paths: readonly string[]): AsyncGenerator<Buffer> {
  for (const path of paths) {
    try {
      yield* chunksOf(path, { follow: true });
    } catch (cause) {
      if (cause instanceof BundleError) throw cause;
      throw new BundleError('bundle/piece', `${path} cannot be read. Nothing of it was taken`, {
        cause,
        advice: 'Check its path, and that this user may read it',
      });
    }
  }
}

function damaged(where: string, what: string): BundleError {
  return new BundleError('bundle/damaged', `${where}: ${what}. Nothing of it was taken`, {
    advice: 'Carry it over again, and compare the file on both sides with sha256sum',
  });
}

function cut(where: string, of: string): BundleError {
  return new BundleError('bundle/piece', `${where} ends before ${of} does. Nothing of it was taken`, {
    advice: 'Carry it over again; of a split bundle, give all pieces',
  });
}
