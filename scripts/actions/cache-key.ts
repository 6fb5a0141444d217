import { createHash } from 'node:crypto';
import type { CachedFile } from './cache-contents.ts';

/** Whose cache it is. */
export interface CacheOwner {
  readonly store: string;
  /** Of an object store; two of them may have buckets of one name. */
  readonly endpoint?: string | undefined;
  readonly databases: readonly string[];
}

/** What all keys of a mirror begin with. */
export function prefixOf({ store, endpoint, databases }: CacheOwner): string {
  return `clamav-mirror-${digest([store, endpoint ?? null, [...databases].sort()], 16)}-`;
}

/**
 * The key of these contents. A key is never written twice: the contents of one that turned out to be of no use are
 * saved under another, which names it.
 */
export function keyOf(prefix: string, files: readonly CachedFile[], useless?: string): string {
  const contents = files.map(({ name, size, sha256 }) => [name, size, sha256]);
  return `${prefix}${digest([contents, useless ?? null], 32)}`;
}

/** The service answers with any key that begins alike. */
export function isKeyOf(prefix: string, key: string): boolean {
  return key.startsWith(prefix) && /^[0-9a-f]{32}$/.test(key.slice(prefix.length));
}

function digest(what: unknown, length: number): string {
  return createHash('sha256').update(JSON.stringify(what)).digest('hex').slice(0, length);
}
