import type { Stats } from 'node:fs';
import { cacheControl, contentType } from '../http/content-headers.ts';

/** What a response says of a file, beside what `send` adds: length, range and `Accept-Ranges`. */
export function fileHeaders(
  name: string,
  stats: Stats,
  lastModified: string | undefined,
): Map<string, string> {
  const headers = new Map([
    ['Content-Type', contentType(name)],
    ['X-Content-Type-Options', 'nosniff'],
    ['Cache-Control', cacheControl(name)],
    ['ETag', etag(stats)],
  ]);
  if (lastModified !== undefined) headers.set('Last-Modified', lastModified);
  return headers;
}

/** A file published anew has another inode or another change time, even if size and mtime were kept. */
function etag({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `"${[ino, size, mtimeMs, ctimeMs].map((part) => part.toString(36)).join('-')}"`;
}
