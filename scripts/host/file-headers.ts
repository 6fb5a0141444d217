import type { Stats } from 'node:fs';
import { cacheControl, contentType, securityPolicy } from '../http/content-headers.ts';

/** Headers of a response with a file, without those that `send` adds: length, range and `Accept-Ranges`. */
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
  const policy = securityPolicy(name);
  if (policy !== undefined) headers.set('Content-Security-Policy', policy);
  if (lastModified !== undefined) headers.set('Last-Modified', lastModified);
  return headers;
}

/** ETag of a file. Each publication has another inode or change time, even with the same size and mtime. */
function etag({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `"${[ino, size, mtimeMs, ctimeMs].map((part) => part.toString(36)).join('-')}"`;
}
