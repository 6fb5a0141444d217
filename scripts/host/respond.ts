import {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  STATUS_CODES,
} from 'node:http';
import send from 'send';
import { isExtraName } from '../cvd/extra-names.ts';
import type { OpenFiles } from './file-cache.ts';
import type { OpenFile } from './open-file.ts';
import type { HostResponse } from './response.ts';
import { type Part, sendPart } from './send-part.ts';
import { servedName } from './served-name.ts';

/**
 * Answers one request from `files`. Never rejects.
 *
 * Missing and hidden files are 404, and never 403, after which freshclam stays away for a day (clamav-formats.md
 * §0.3). A file that cannot be read is 503, so nobody takes it for missing.
 */
export async function respond(
  files: OpenFiles,
  request: IncomingMessage,
  response: HostResponse,
  hides: (name: string) => Promise<boolean> = async () => false,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return refuse(response, 405, { Allow: 'GET, HEAD', Connection: 'close' });
  }
  const name = servedName(request.url ?? '');
  try {
    using file = name === undefined || (await hides(name)) ? undefined : await files.take(name);
    if (name === undefined || file === undefined) return refuse(response, 404);
    settleRange(request.headers, file);
    const part = partToSend(name, file, request, response);
    if (part !== undefined) await sendPart(file, part, response);
  } catch {
    refuse(response, 503);
  }
}

/** Lets `send` evaluate the request. Returns `undefined` if it has answered without any byte of the file. */
function partToSend(
  name: string,
  file: OpenFile,
  request: IncomingMessage,
  response: HostResponse,
): Part | undefined {
  let part: Part | undefined;
  response.setHeaders(settleSince(request.headers, file, name));
  const sending = send(request, name, { cacheControl: false, etag: false, lastModified: false });
  // We look up and read the file ourselves: `send` would look it up twice, and a rename in between would mix two files.
  sending.sendFile = (path) => sending.send(path, file.stats);
  sending.stream = (_, options) => {
    const { start = 0 }: { start?: number } = options ?? {};
    part = { start, length: Number(response.getHeader('Content-Length')) };
  };
  sending.on('error', (error: { status: number; headers?: OutgoingHttpHeaders }) => {
    refuse(response, error.status < 500 ? error.status : 503, error.headers);
  });
  sending.pipe(response);
  return part;
}

/** Answers without a file. A response that has begun is cut off. */
function refuse(response: HostResponse, status: number, headers: OutgoingHttpHeaders = {}): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const body = `${status} ${STATUS_CODES[status]}\n`;
  response.writeHead(status, {
    'Cache-Control': 'no-store',
    'Content-Length': body.length,
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    ...headers,
  });
  if (response.req.method === 'HEAD') response.end();
  else response.endBody(Buffer.from(body));
}

/**
 * Corrects two Range requests for which `send` differs from RFC 9110.
 * - An If-Range date must equal Last-Modified (§13.1.5). `send` accepts any later one. After a rollback ours is earlier
 *   than the client's, and the client would glue two databases together.
 * - A suffix longer than the file means the whole file (§14.1.2), not 416.
 */
export function settleRange(headers: IncomingHttpHeaders, { stats, lastModified }: OpenFile): void {
  const ifRange = headers['if-range'];
  if (ifRange !== undefined && !ifRange.includes('"') && ifRange !== lastModified) delete headers.range;
  const suffix = /^bytes=-(\d+)$/.exec(headers.range ?? '')?.[1];
  if (suffix !== undefined && Number(suffix) > stats.size) headers.range = 'bytes=0-';
}

/**
 * Drops an If-Modified-Since that does not prove that the client has what is published. Returns the headers of the file for
 * this request: without Last-Modified if that is not after the client's date, because libcurl drops such a file
 * (clamav-formats.md §0.4).
 *
 * A client may send the time of its own download (§6), which may lie between the build of a database and our publication,
 * and `send` would answer "not modified" for ever. So only the very Last-Modified counts, which is freshclam's date. An
 * extra's Last-Modified is its publication, and all its clients send the time of their download: one that is well after it
 * counts, whatever their clocks say.
 */
export function settleSince(
  headers: IncomingHttpHeaders,
  { lastModified, headers: all }: OpenFile,
  name: string,
): Map<string, string> {
  const since = Date.parse(headers['if-modified-since'] ?? '');
  const modified = Date.parse(lastModified ?? '');
  const counts = isExtraName(name) ? since - modified > CLOCK_SKEW_MS : since === modified;
  if (counts) return all;
  delete headers['if-modified-since'];
  if (!(since >= modified)) return all;
  const undated = new Map(all);
  undated.delete('Last-Modified');
  return undated;
}

/** Most by which the clock of a client may be ahead of ours. */
const CLOCK_SKEW_MS = 3_600_000;
