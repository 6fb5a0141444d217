import type { Stats } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { extname } from 'node:path';
import type { OpenFile } from './file.ts';

/** What a response says of a file, beside what `send` adds: length, range and `Accept-Ranges`. */
export function fileHeaders(name: string, { stats, lastModified }: OpenFile): Map<string, string> {
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

/** A CDIFF or `.sign` has its version in its name; every other name gets new content. */
function cacheControl(name: string): string {
  return ['.cdiff', '.sign'].includes(extname(name))
    ? 'public, max-age=31536000, immutable'
    : 'public, max-age=60, must-revalidate';
}

/** A file published anew has another inode or another change time, even if size and mtime were kept. */
function etag({ ino, size, mtimeMs, ctimeMs }: Stats): string {
  return `"${[ino, size, mtimeMs, ctimeMs].map((part) => part.toString(36)).join('-')}"`;
}

function contentType(name: string): string {
  return name === 'timestamp' ? TEXT : (CONTENT_TYPES[extname(name)] ?? 'application/octet-stream');
}

const TEXT = 'text/plain; charset=utf-8';

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.conf': TEXT,
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.ico': 'image/x-icon',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.md': TEXT,
  '.png': 'image/png',
  '.prom': 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  '.sh': TEXT,
  '.svg': 'image/svg+xml',
  '.txt': TEXT,
};
