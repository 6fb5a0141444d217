import type { Stats } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { cacheControl, contentType } from '../http/content-headers.ts';
import type { OpenFile } from './open-file.ts';

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

/**
 * Sets right the two Range cases in which `send` differs from RFC 9110.
 * - An If-Range date must be the very Last-Modified (§13.1.5). `send` accepts any later one, and after a rollback ours
 *   is earlier than the client's: it would glue two databases together.
 * - A suffix longer than the file means the whole file (§14.1.2), not 416.
 */
export function settleRange(headers: IncomingHttpHeaders, { stats, lastModified }: OpenFile): void {
  const ifRange = headers['if-range'];
  if (ifRange !== undefined && !ifRange.includes('"') && ifRange !== lastModified) delete headers.range;
  const suffix = /^bytes=-(\d+)$/.exec(headers.range ?? '')?.[1];
  if (suffix !== undefined && Number(suffix) > stats.size) headers.range = 'bytes=0-';
}

/**
 * Sets right the date by which a client asks for news: "not modified" is true of the very Last-Modified only. A client
 * that sends the time of its own download (clamav-formats.md §6) may have made it between the build and our publication;
 * `send` would tell it for ever that it has the new version. Returns the headers of the file for this request: without
 * Last-Modified where that is earlier than the date, since libcurl drops such a file by itself (§0.4).
 */
export function settleSince(
  headers: IncomingHttpHeaders,
  { lastModified, headers: all }: OpenFile,
): Map<string, string> {
  const since = Date.parse(headers['if-modified-since'] ?? '');
  const modified = Date.parse(lastModified ?? '');
  if (since !== modified) delete headers['if-modified-since'];
  if (!(since > modified)) return all;
  const undated = new Map(all);
  undated.delete('Last-Modified');
  return undated;
}

/** A file published anew has another inode or another change time, even if size and mtime were kept. */
function etag({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `"${[ino, size, mtimeMs, ctimeMs].map((part) => part.toString(36)).join('-')}"`;
}
