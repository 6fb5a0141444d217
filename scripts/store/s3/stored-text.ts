import { createHash } from 'node:crypto';
import type { Attributes, Bucket, ObjectEntry } from './bucket.ts';

/**
 * True if a bucket has a text already, with the attributes that it can tell of. Only an ETag that is the MD5 of the text
 * shows that, so a bucket whose ETags are none is asked for nothing more.
 */
export async function isStored(
  text: string,
  object: {
    readonly name: string;
    /** The object as it was listed, if it was. */
    readonly entry: Pick<ObjectEntry, 'tag'> | undefined;
    readonly sha256: string;
    readonly attributes: Attributes;
  },
  bucket: Pick<Bucket, 'head'>,
): Promise<boolean> {
  const { name, entry, sha256, attributes } = object;
  const md5 = createHash('md5').update(text).digest('hex');
  if (entry === undefined || plain(entry.tag) !== md5) return false;
  const found = await bucket.head(name);
  if (found === undefined || plain(found.tag) !== md5 || found.sha256 !== sha256) return false;
  return found.cacheControl === attributes.CacheControl && found.contentType === attributes.ContentType;
}

function plain(tag: string): string {
  return tag.replaceAll('"', '');
}
