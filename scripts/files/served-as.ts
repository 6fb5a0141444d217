import { extname } from 'node:path';

/** A CDIFF or `.sign` has its version in its name; every other name gets new content. */
export function cacheControl(name: string): string {
  return ['.cdiff', '.sign'].includes(extname(name))
    ? 'public, max-age=31536000, immutable'
    : 'public, max-age=60, must-revalidate';
}

export function contentType(name: string): string {
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
