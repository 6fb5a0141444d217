import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join, relative } from 'node:path';
import { setImmediate as immediate, setTimeout as wait } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

/** What a scripted upstream does wrong: one thing, or several at once. */
export interface Fault {
  /** For how many requests, before the next fault or none; left out: for ever. */
  readonly times?: number;
  /** The answer begins only when this is there. */
  readonly after?: Promise<unknown>;
  readonly status?: number;
  readonly retryAfter?: string;
  /** What a page with `status` says, and what headers it has. */
  readonly said?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** An HTML page with status 200. */
  readonly page?: string;
  /** A 302 to this path or URL. */
  readonly redirect?: string;
  /** The connection is closed after so many bytes of the body; `head`: before the answer begins. */
  readonly cutAfter?: number | 'head';
  /** Nothing more comes after so many bytes of the body; `head`: not even an answer. */
  readonly stallAfter?: number | 'head';
  /** One byte at a time, with so many milliseconds before each. */
  readonly trickle?: number;
  /** A body without a declared length or an end. */
  readonly endless?: boolean;
  /** `Content-Encoding: gzip`, which freshclam cannot decode. */
  readonly gzip?: boolean;
  /** A Content-Encoding that says nothing of the bytes. */
  readonly label?: string;
  readonly ignoreRange?: boolean;
  readonly ignoreIfRange?: boolean;
  /** No ETag and no Last-Modified. */
  readonly noValidator?: boolean;
  /** No Content-Length. */
  readonly noLength?: boolean;
  /** What a 206 says of itself. */
  readonly contentRange?: string;
  /** Bytes that a 206 gives at most, and says so. */
  readonly rangeLimit?: number;
  /** The file becomes another one before it is served. */
  readonly change?: Uint8Array;
}

/** One request and what became of it. `sent` grows while the body is under way. */
export interface SeenRequest {
  readonly method: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly userAgent: string | undefined;
  readonly headers: IncomingMessage['headers'];
  status: number;
  /** Bytes of the body that were handed to the connection. */
  sent: number;
}

export interface TestUpstream extends AsyncDisposable {
  /** Without a final slash. */
  readonly url: string;
  readonly requests: readonly SeenRequest[];
  /** Names that were asked for, in order; a method other than GET stands before its name. */
  readonly asked: readonly string[];
  /** A file's bytes, or the path of one on disk. */
  set(name: string, content: Uint8Array | string): void;
  remove(name: string): void;
  /** Replaces the faults of a name, `*` for all names without faults of their own; none: it is mended. */
  fail(name: string, ...faults: Fault[]): void;
  /** Bytes of bodies sent, of one file or of all. */
  sent(name?: string): number;
  /** Forgets the requests seen so far. */
  forget(): void;
}

interface Served {
  readonly bytes: Uint8Array;
  readonly etag: string;
  readonly modified: string;
}

/** Bytes written at once, each time waiting for the connection to take them. */
const CHUNK = 32 * 1024;

/**
 * An upstream on 127.0.0.1 that serves these files (name to bytes, or to a path on disk) or a folder as it is at the
 * start, with Range, If-Range, ETag and Last-Modified as real hosts have them, and misbehaves as it is told.
 */
export async function startUpstream(
  files: ReadonlyMap<string, Uint8Array | string> | string = new Map(),
): Promise<TestUpstream> {
  const served = new Map<string, Served>();
  const faults = new Map<string, { fault: Fault; left: number }[]>();
  const requests: SeenRequest[] = [];
  const set = (name: string, content: Uint8Array | string) =>
    served.set(name, serveable(content, served.get(name)));
  for (const [name, content] of typeof files === 'string' ? folder(files) : files) set(name, content);

  const nextFault = (name: string): Fault => {
    const queue = faults.get(name) ?? faults.get('*') ?? [];
    const first = queue[0];
    if (first !== undefined && --first.left === 0) queue.shift();
    return first?.fault ?? {};
  };

  const server = createServer((request, response) => {
    const name = decodeURIComponent((request.url ?? '/').slice(1));
    const seen: SeenRequest = {
      method: request.method ?? '',
      name,
      range: request.headers.range,
      ifRange: header(request, 'if-range'),
      userAgent: request.headers['user-agent'],
      headers: request.headers,
      status: 0,
      sent: 0,
    };
    requests.push(seen);
    const fault = nextFault(name);
    if (fault.change !== undefined) set(name, fault.change);
    answer(request, response, served.get(withoutQuery(name)), fault, seen).catch((error) =>
      response.destroy(error),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    get asked() {
      return requests.map(({ method, name }) => (method === 'GET' ? name : `${method} ${name}`));
    },
    set,
    remove: (name) => served.delete(name),
    fail: (name, ...list) => {
      faults.delete(name);
      if (list.length === 0) return;
      faults.set(
        name,
        list.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY })),
      );
    },
    sent: (name) =>
      requests.reduce((sum, seen) => sum + (name === undefined || seen.name === name ? seen.sent : 0), 0),
    forget: () => {
      requests.length = 0;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  file: Served | undefined,
  fault: Fault,
  seen: SeenRequest,
): Promise<void> {
  const begin = (status: number, headers: Record<string, string>) => {
    seen.status = status;
    response.writeHead(status, headers);
  };
  const whole = async (status: number, body: string | Uint8Array, headers: Record<string, string> = {}) => {
    begin(status, { ...headers, 'content-length': String(Buffer.byteLength(body)) });
    await send(response, Buffer.from(body), seen);
    response.end();
  };
  await fault.after;
  if (fault.stallAfter === 'head') return;
  if (fault.cutAfter === 'head') return void response.destroy();
  if (fault.redirect !== undefined) return await whole(302, 'elsewhere\n', { location: fault.redirect });
  if (fault.page !== undefined) return await whole(200, fault.page, { 'content-type': 'text/html' });
  if (fault.status !== undefined) {
    const again = fault.retryAfter === undefined ? undefined : { 'retry-after': fault.retryAfter };
    return await whole(fault.status, fault.said ?? `status ${fault.status}\n`, {
      ...fault.headers,
      ...again,
    });
  }
  if (fault.endless) {
    begin(200, {});
    while (!response.destroyed) await send(response, Buffer.alloc(CHUNK, 'x'), seen);
    return;
  }
  if (file === undefined) return await whole(404, 'not found\n');
  if (fault.gzip) return await whole(200, gzipSync(file.bytes), { 'content-encoding': 'gzip' });
  if (request.method !== 'GET' && request.method !== 'HEAD') return await whole(405, '');
  if (isKnown(request, file)) {
    begin(304, { etag: file.etag, 'last-modified': file.modified });
    return void response.end();
  }
  await serve(request, response, file, fault, seen, begin);
}

/** The file, or the part of it that was asked for, as far as the fault lets it. */
async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  file: Served,
  fault: Fault,
  seen: SeenRequest,
  begin: (status: number, headers: Record<string, string>) => void,
): Promise<void> {
  const size = file.bytes.length;
  const range = wantedRange(request, file, fault);
  const isLater = Date.parse(request.headers['if-modified-since'] ?? '') > Date.parse(file.modified);
  const dated = isLater ? {} : { 'last-modified': file.modified }; // by which libcurl would drop the file
  const label = fault.label === undefined ? {} : { 'content-encoding': fault.label };
  const validators = { ...(fault.noValidator ? {} : { etag: file.etag, ...dated }), ...label };
  const headers = { 'accept-ranges': 'bytes', 'content-type': 'application/octet-stream', ...validators };
  if (range === 'unsatisfiable') {
    begin(416, { ...headers, 'content-range': `bytes */${size}`, 'content-length': '0' });
    return void response.end();
  }
  const { from, to } = range ?? { from: 0, to: size - 1 };
  const length = fault.noLength ? {} : { 'content-length': String(to - from + 1) };
  const place = { 'content-range': fault.contentRange ?? `bytes ${from}-${to}/${size}` };
  if (range === undefined) begin(200, { ...headers, ...length });
  else begin(206, { ...headers, ...length, ...place });
  if (request.method === 'HEAD') return void response.end();

  const body = file.bytes.subarray(from, to + 1);
  if (fault.trickle !== undefined) {
    for (let at = 0; at < body.length && !response.destroyed; at++) {
      await wait(fault.trickle);
      await send(response, body.subarray(at, at + 1), seen);
    }
    return void response.end();
  }
  response.flushHeaders();
  const end = fault.cutAfter ?? fault.stallAfter;
  await send(response, body.subarray(0, typeof end === 'number' ? end : undefined), seen);
  if (fault.stallAfter !== undefined) return;
  if (fault.cutAfter === undefined) return void response.end();
  // For the client to take what it got, which is worth nothing to it once the connection is gone. A client in this process
  // has had its turn after that, however late the timer is.
  await wait(20);
  for (let turn = 0; turn < 3; turn++) await immediate();
  response.destroy();
}

/** Writes in chunks, each when the connection has taken the one before, until the client leaves. */
async function send(response: ServerResponse, body: Uint8Array, seen: SeenRequest): Promise<void> {
  for (let at = 0; at < body.length && !response.destroyed; at += CHUNK) {
    const chunk = body.subarray(at, at + CHUNK);
    seen.sent += chunk.length;
    await new Promise<void>((resolve) => {
      response.once('close', resolve);
      response.write(chunk, () => {
        response.off('close', resolve);
        resolve();
      });
    });
  }
}

/** One range at most, as freshclam and our client ask for it; a stale If-Range gives the whole file. */
function wantedRange(
  request: IncomingMessage,
  file: Served,
  fault: Fault,
): { from: number; to: number } | 'unsatisfiable' | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  if (fault.ignoreRange || (first === '' && last === '')) return undefined;
  const ifRange = fault.ignoreIfRange ? undefined : header(request, 'if-range');
  if (ifRange !== undefined && ifRange !== file.etag && ifRange !== file.modified) return undefined;
  const end = file.bytes.length - 1;
  const from = first === '' ? Math.max(end + 1 - Number(last), 0) : Number(first);
  const to = first === '' || last === '' ? end : Math.min(Number(last), end);
  if (from > to) return 'unsatisfiable';
  return { from, to: Math.min(to, from + (fault.rangeLimit ?? Number.POSITIVE_INFINITY) - 1) };
}

/** What a conditional request already has (freshclam sends If-Modified-Since; clamav-formats.md §6). */
function isKnown(request: IncomingMessage, file: Served): boolean {
  const tags = request.headers['if-none-match'];
  if (tags !== undefined) return tags === file.etag;
  return Date.parse(request.headers['if-modified-since'] ?? '') === Date.parse(file.modified);
}

/** Another file under a name has a later date, though it may come within the same second. */
function serveable(content: Uint8Array | string, before: Served | undefined): Served {
  const bytes = typeof content === 'string' ? readFileSync(content) : content;
  const etag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`;
  if (typeof content === 'string') return { bytes, etag, modified: statSync(content).mtime.toUTCString() };
  if (before?.etag === etag) return before;
  const least = before === undefined ? 0 : Date.parse(before.modified) + 1000;
  return { bytes, etag, modified: new Date(Math.max(Date.now(), least)).toUTCString() };
}

/** cvdupdate puts the version behind the name of a CVD. */
function withoutQuery(name: string): string {
  return name.replace(/\?version=\d+$/, '');
}

/** What is published from there: nothing whose name begins with a dot. */
function folder(path: string): [string, string][] {
  return readdirSync(path, { withFileTypes: true, recursive: true }).flatMap((entry) => {
    const file = join(entry.parentPath, entry.name);
    const name = relative(path, file);
    return entry.isFile() && !name.startsWith('.') ? [[name, file] as [string, string]] : [];
  });
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}
