import type { ReadStream } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse, STATUS_CODES } from 'node:http';
import { finished } from 'node:stream/promises';
import send from 'send';
import { type OpenFile, openFile } from './file.ts';
import { fileHeaders, settleRange } from './headers.ts';
import { servedName } from './names.ts';

/**
 * Answers one request from `folder`. Never rejects.
 *
 * What is not there and what is not to be served are both 404, never 403, on which freshclam stays away for a day
 * (clamav-formats.md §0.3). What is there and cannot be read is 503, so that nobody takes it for missing.
 */
export async function respond(
  folder: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return refuse(response, 405, { Allow: 'GET, HEAD', Connection: 'close' });
  }
  const name = servedName(request.url ?? '');
  try {
    await using file = name === undefined ? undefined : await openFile(folder, name);
    if (name === undefined || file === undefined) return refuse(response, 404);
    settleRange(request.headers, file);
    response.setHeaders(fileHeaders(name, file));
    transfer(name, file, request, response);
    await finished(response);
  } catch {
    refuse(response, 503);
  }
}

function transfer(name: string, file: OpenFile, request: IncomingMessage, response: ServerResponse): void {
  const options: send.SendOptions & { fd: FileHandle } = {
    fd: file.handle,
    cacheControl: false,
    etag: false,
    lastModified: false,
  };
  const sending = send(request, name, options);
  // `send` would look the name up twice, for stat and for open, and a rename in between would mix two files.
  sending.sendFile = (path) => sending.send(path, file.stats);
  sending.on('error', (error: { status: number; headers?: OutgoingHttpHeaders }) => {
    refuse(response, error.status < 500 ? error.status : 503, error.headers);
  });
  const stream = sending.stream.bind(sending);
  sending.stream = (path, options) => {
    const { start = 0 }: { start?: number } = options ?? {};
    const length = Number(response.getHeader('Content-Length'));
    if (length > 0 && length <= SMALL) void sendSmall(file.handle, start, length, response);
    else stream(path, options);
  };
  // A file cut short in place: without this the client would wait for the rest, or take the next answer for it.
  sending.on('stream', (stream: ReadStream) => {
    stream.once('end', () => {
      if (stream.bytesRead !== Number(response.getHeader('Content-Length'))) response.destroy();
    });
  });
  sending.pipe(response);
}

/** Bytes up to which a body is read at once: a stream for a version check costs more than the check. */
const SMALL = 16 * 1024;

async function sendSmall(
  handle: FileHandle,
  start: number,
  length: number,
  response: ServerResponse,
): Promise<void> {
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, start);
    if (bytesRead !== length) return void response.destroy(); // the file was cut short in place
    response.write(buffer);
    response.end();
  } catch {
    refuse(response, 503);
  }
}

/** Answers without a file; a response that has begun can only be cut off. */
function refuse(response: ServerResponse, status: number, headers: OutgoingHttpHeaders = {}): void {
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
  if (response.req.method !== 'HEAD') response.write(body);
  response.end();
}
