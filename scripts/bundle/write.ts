import { createHash } from 'node:crypto';
import { encodeTarHeader, paddingOf, TAR_HEADER_SIZE } from '../cvd/container/tar.ts';
import { CONTENTS, CONTENTS_SUM, type Contents, type ContentsFile, encodeContents } from './contents.ts';
import { BundleError } from './error.ts';

/** Zeros behind the last entry, as every tar has them. */
export const END = Buffer.alloc(2 * TAR_HEADER_SIZE);

/**
 * Writes a bundle: a tar with the SHA-256 of the list of contents, that list, and the files it names, in its order. The
 * same contents give the same bytes. Throws `bundle/nothing` for a file that is not as the list describes it.
 * Returns the SHA-256 of the list.
 */
export async function writeBundle(
  contents: Omit<Contents, 'format'>,
  open: (file: ContentsFile) => AsyncIterable<Buffer>,
  write: (chunk: Uint8Array) => Promise<void>,
): Promise<string> {
  const list = Buffer.from(encodeContents(contents));
  const sum = sha256(list);
  for (const [name, bytes] of [
    [CONTENTS_SUM, Buffer.from(sumLine(sum))],
    [CONTENTS, list],
  ] as const) {
    await write(encodeTarHeader({ name, size: bytes.length }));
    await write(bytes);
    await write(Buffer.alloc(paddingOf(bytes.length)));
  }
  for (const file of contents.files) {
    await write(encodeTarHeader(file));
    const [hash, found] = [createHash('sha256'), { size: 0 }];
    for await (const chunk of open(file)) {
      hash.update(chunk);
      found.size += chunk.length;
      await write(chunk);
    }
    if (found.size !== file.size || hash.digest('hex') !== file.sha256)
      throw new BundleError('bundle/nothing', `${file.name} in the store is not as it was published`, {
        advice: 'A sync takes it anew; export after that',
      });
    await write(Buffer.alloc(paddingOf(file.size)));
  }
  await write(END);
  return sum;
}

/** The first entry of a bundle, which `sha256sum --check` understands. */
export function sumLine(sum: string): string {
  return `${sum}  ${CONTENTS}\n`;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
