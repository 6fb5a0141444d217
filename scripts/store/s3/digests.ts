import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { ObjectHead } from './bucket.ts';

/** Bytes of a part: large ones keep requests few. Each is signed with its SHA-256, which the store checks. */
export const PART = 8 * 1024 * 1024;

/** What a store can say of an object that has exactly the bytes of a file. */
export interface Digests {
  readonly size: number;
  /** 64 lowercase hex digits. */
  readonly sha256: string;
  /** ETags, without quotes: the MD5 of what was sent in one piece, and that of the MD5s of parts of ours. */
  readonly tags: ReadonlySet<string>;
}

/** Reads a file once. */
export async function digestsOf(path: string): Promise<Digests> {
  const [sha256, md5, ofParts] = [createHash('sha256'), createHash('md5'), createHash('md5')];
  const buffer = Buffer.allocUnsafeSlow(1024 * 1024); // one for all: this runs beside uploads
  let [size, parts, part] = [0, 0, createHash('md5')];
  const endPart = () => {
    ofParts.update(part.digest());
    parts += 1;
    part = createHash('md5');
  };
  await using file = await open(path);
  for (;;) {
    const { bytesRead } = await file.read(buffer); // a whole number of them is a part
    const bytes = buffer.subarray(0, bytesRead);
    if (size > 0 && size % PART === 0 && bytesRead > 0) endPart();
    if (bytesRead === 0) break;
    for (const hash of [sha256, md5]) hash.update(bytes);
    const left = PART - (size % PART);
    part.update(bytes.subarray(0, left));
    if (bytesRead > left) {
      endPart();
      part.update(bytes.subarray(left));
    }
    size += bytesRead;
  }
  if (size > 0) endPart();
  return {
    size,
    sha256: sha256.digest('hex'),
    tags: new Set([md5.digest('hex'), `${ofParts.digest('hex')}-${parts}`]),
  };
}

/**
 * True if the store's own reckoning shows that an object has these bytes. Not every ETag is an MD5: with keys of a KMS it
 * is none, and a gateway may have its own. So one that is the same proves, and one that differs says nothing.
 */
export function isProvenBy({ size, tag, checksum }: ObjectHead, digests: Digests): boolean {
  if (size !== digests.size) return false;
  return checksum === digests.sha256 || digests.tags.has(tag.replaceAll('"', ''));
}
