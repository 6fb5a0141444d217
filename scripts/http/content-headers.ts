import { extname } from 'node:path';

/**
 * Cache-Control of a file. A CDIFF never changes under its name. Every other file does, a `.sign` too: Talos signs a
 * version again before the certificates of the first signature end, and a bad `.sign` is removed.
 */
export function cacheControl(name: string): string {
  return extname(name) === '.cdiff'
    ? 'public, max-age=31536000, immutable'
    : 'public, max-age=60, must-revalidate';
}

export function contentType(name: string): string {
  return NAMED_TYPES[name] ?? CONTENT_TYPES[extname(name)] ?? 'application/octet-stream';
}

/**
 * Content-Security-Policy of the status page, `undefined` for every other file. The page itself has a stricter one, which
 * names its script and style by hash; of both, a browser allows what both allow.
 */
export function securityPolicy(name: string): string | undefined {
  return name === 'index.html' ? PAGE_POLICY : undefined;
}

const PAGE_POLICY = [
  "default-src 'none'",
  "img-src 'self' data:",
  "style-src 'unsafe-inline'",
  "script-src 'unsafe-inline'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'", // a page cannot say this of itself
].join('; ');

const TEXT = 'text/plain; charset=utf-8';

/** Types that the end of a name does not tell. */
const NAMED_TYPES: Readonly<Record<string, string>> = {
  'feed.json': 'application/feed+json',
  'feed.xml': 'application/atom+xml',
  timestamp: TEXT,
};

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
