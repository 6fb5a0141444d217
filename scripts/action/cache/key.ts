import { createHash, randomBytes } from 'node:crypto';
import type { CachedFile } from './contents.ts';

/** Whose cache it is. */
export interface CacheOwner {
  readonly store: string;
  /** URL of the object store: two of them may have buckets of one name. */
  readonly endpoint?: string | undefined;
  readonly databases: readonly string[];
}

/** Prefix of all keys of a mirror. */
export function prefixOf({ store, endpoint, databases }: CacheOwner): string {
  return `clamav-mirror-${digest([store, endpoint ?? null, [...databases].sort()], 16)}-`;
}

/** Name of these contents; alike for the same contents. */
export function contentsName(prefix: string, files: readonly CachedFile[]): string {
  const contents = files.map(({ name, size, sha256 }) => [name, size, sha256]);
  return `${prefix}${digest(contents, 32)}`;
}

/**
 * A key for these contents. A key is never written twice, and the newest is the one that is found: what a mirror comes
 * back to, or what turned out to be of no use, needs a new one.
 */
export function newKey(contents: string): string {
  return `${contents}-${randomBytes(4).toString('hex')}`;
}

/** The service answers with any key that begins alike. */
export function isKeyOf(prefix: string, key: string): boolean {
  return key.startsWith(prefix) && /^[0-9a-f]{32}-[0-9a-f]{8}$/.test(key.slice(prefix.length));
}

function digest(what: unknown, length: number): string {
  return createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, length);
}
