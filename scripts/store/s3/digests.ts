import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { ObjectHead } from './bucket.ts';

/** Bytes of a part. Large parts keep requests few. Each part is signed with its SHA-256, which the store checks. */
export const PART_SIZE = 8 * 1024 * 1024;

/** Digests by which a store can show that an object has exactly the bytes of a file. */
export interface Digests {
  readonly size: number;
  /** 64 lowercase hex digits. */
  readonly sha256: string;
  /** ETags without quotes: the MD5 of a file sent in one piece, and the MD5 over the MD5s of our parts. */
  readonly tags: ReadonlySet<string>;
}

/** Computes all digests in one pass over a file. */
export async function digestsOf(path: string): Promise<Digests> {
  const [sha256, md5, ofParts] = [createHash('sha256'), createHash('md5'), createHash('md5')];
  const buffer = Buffer.allocUnsafeSlow(1024 * 1024); // one buffer for the whole file, because this runs beside uploads
  let [size, parts, part] = [0, 0, createHash('md5')];
  const endPart = () => {
    ofParts.update(part.digest());
    parts += 1;
    part = createHash('md5');
  };
  await using file = await open(path);
  for (;;) {
    const { bytesRead } = await file.read(buffer); // a part is a whole number of buffers
    const bytes = buffer.subarray(0, bytesRead);
    if (size > 0 && size % PART_SIZE === 0 && bytesRead > 0) endPart();
    if (bytesRead === 0) break;
    for (const hash of [sha256, md5]) hash.update(bytes);
    const left = PART_SIZE - (size % PART_SIZE);
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
 * True if a digest that the store itself computed shows that an object has these bytes. An equal ETag proves it. A
 * different ETag proves nothing: with KMS keys and behind some gateways an ETag is not an MD5.
 */
export function isProvenBy({ size, tag, checksum }: ObjectHead, digests: Digests): boolean {
  if (size !== digests.size) return false;
  return checksum === digests.sha256 || digests.tags.has(tag.replaceAll('"', ''));
}
