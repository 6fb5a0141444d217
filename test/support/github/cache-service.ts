import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { appendFile, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';

export interface CacheEntry {
  readonly key: string;
  /** What @actions/cache makes of the paths and the compression. */
  readonly version: string;
  /** Bytes. */
  readonly size: number;
  /** Where its archive is kept. */
  readonly path: string;
}

/** What goes wrong, until it is taken back. */
export type CacheFault =
  /** The connection ends without an answer. */
  | 'down'
  /** Every request is answered with this status, as 429. */
  | { readonly status: number }
  /** A byte in the middle of an archive is another one when it arrives; or only half of it arrives. */
  | 'corrupt'
  | 'cut'
  /** Every answer comes so many milliseconds late. */
  | { readonly delay: number }
  /** Whatever is looked for, the newest entry is found, under this name if one is given. */
  | { readonly foreign: string | undefined };

export interface CacheService extends AsyncDisposable {
  /** What a runner sets for its actions. */
  readonly env: Readonly<Record<string, string>>;
  /** In the order in which they were saved. */
  readonly entries: readonly CacheEntry[];
  /** `POST CreateCacheEntry`, `PUT blob`, `GET blob`, … */
  readonly seen: readonly string[];
  fault(fault?: CacheFault): void;
  /** Puts an archive there as if somebody else had saved it; it is found for any version if none is given. */
  plant(key: string, archive: Uint8Array, version?: string): Promise<void>;
  /** As after seven days unused. */
  evict(key: string): void;
  close(): Promise<void>;
}

export interface CacheServiceOptions {
  /**
   * Whether archives have addresses of Azure, for which @actions/cache downloads by Azure's SDK, in ranges. The
   * service is then a proxy too, so that these addresses lead to it.
   */
  readonly azure?: boolean;
}

const SERVICE = '/twirp/github.actions.results.api.v1.CacheService/';
const ANY_VERSION = '*';

/**
 * GitHub's cache service (version 2) on 127.0.0.1: Twirp with JSON for the entries, and Azure's protocol for block
 * blobs. Keys are found as there: exactly, or the newest that begins alike; an entry is never written twice.
 */
export async function startCacheService({ azure = false }: CacheServiceOptions = {}): Promise<CacheService> {
  const folder = await mkdtemp(join(tmpdir(), 'cache-service-'));
  const token = randomUUID();
  const entries: CacheEntry[] = [];
  /** Uploads that are not final yet, by key and version. */
  const reserved = new Map<string, string>();
  const seen: string[] = [];
  let fault: CacheFault | undefined;
  let url = '';

  const addressOf = (blob: string) =>
    `${azure ? 'http://mirror.blob.core.windows.net' : `${url}/account`}/caches/${blob}?sig=${token}`;
  const pathOf = (blob: string) => join(folder, blob);

  const methods: Readonly<Record<string, (request: Fields) => Promise<Answer>>> = {
    async CreateCacheEntry({ key = '', version = '' }) {
      const id = `${key} ${version}`;
      if (reserved.has(id) || entries.some((entry) => `${entry.key} ${entry.version}` === id)) {
        return twirpError(
          409,
          'already_exists',
          'cache entry with the same key, version, and scope already exists',
        );
      }
      const blob = randomUUID();
      reserved.set(id, blob);
      return { status: 200, body: { ok: true, signed_upload_url: addressOf(blob), message: '' } };
    },
    async FinalizeCacheEntryUpload({ key = '', version = '', size_bytes: size = '' }) {
      const id = `${key} ${version}`;
      const blob = reserved.get(id);
      const found = blob === undefined ? undefined : await stat(pathOf(blob)).catch(() => undefined);
      if (blob === undefined || found?.size !== Number(size)) {
        return twirpError(404, 'not_found', 'no upload of this size');
      }
      reserved.delete(id);
      entries.push({ key, version, size: found.size, path: pathOf(blob) });
      return { status: 200, body: { ok: true, entry_id: String(entries.length), message: '' } };
    },
    async GetCacheEntryDownloadURL({ key = '', version = '', restore_keys: restoreKeys = [] }) {
      const isForeign = typeof fault === 'object' && 'foreign' in fault ? fault : undefined;
      const newest = entries.filter((entry) => [version, ANY_VERSION].includes(entry.version)).reverse();
      const found = isForeign
        ? entries.at(-1)
        : [key, ...restoreKeys].flatMap((wanted) => match(newest, wanted))[0];
      if (found === undefined) {
        return { status: 200, body: { ok: false, signed_download_url: '', matched_key: '' } };
      }
      const matched = isForeign?.foreign ?? found.key;
      const blob = found.path.slice(folder.length + 1);
      return { status: 200, body: { ok: true, signed_download_url: addressOf(blob), matched_key: matched } };
    },
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', url); // a proxy is asked for a whole URL
    const method = pathname.startsWith(SERVICE) ? pathname.slice(SERVICE.length) : undefined;
    seen.push(`${request.method} ${method ?? 'blob'}`);
    if (fault === 'down') return void request.socket.destroy();
    if (typeof fault === 'object' && 'delay' in fault) await wait(fault.delay);
    if (typeof fault === 'object' && 'status' in fault) {
      for await (const _ of request);
      return send(response, twirpError(fault.status, 'fault', 'as told'));
    }
    if (method !== undefined) {
      const body = await text(request);
      const isAllowed = request.headers.authorization === `Bearer ${token}`;
      const run = isAllowed ? methods[method] : undefined;
      return send(response, (await run?.(JSON.parse(body))) ?? twirpError(401, 'unauthenticated', method));
    }
    if (searchParams.get('sig') !== token) return void response.writeHead(403).end();
    const path = pathOf(/[^/]+$/.exec(pathname)?.[0] ?? 'none');
    if (request.method === 'PUT') return await putBlob(request, response, path, searchParams);
    await sendBlob(request, response, path, fault);
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  const close = async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close').catch(() => {});
    await rm(folder, { recursive: true, force: true });
  };
  return {
    env: {
      ACTIONS_CACHE_SERVICE_V2: 'true',
      ACTIONS_RESULTS_URL: `${url}/`,
      ACTIONS_RUNTIME_TOKEN: token,
      ...(azure && { http_proxy: url, no_proxy: '127.0.0.1' }),
    },
    entries,
    seen,
    fault(next) {
      fault = next;
    },
    async plant(key, archive, version = ANY_VERSION) {
      const path = pathOf(randomUUID());
      await writeFile(path, archive);
      entries.push({ key, version, size: archive.length, path });
    },
    evict(key) {
      const at = entries.findIndex((entry) => entry.key === key);
      if (at !== -1) entries.splice(at, 1);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

interface Fields {
  readonly key?: string;
  readonly version?: string;
  readonly restore_keys?: readonly string[];
  /** An int64, which JSON has as a string. */
  readonly size_bytes?: string;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

function twirpError(status: number, code: string, msg: string): Answer {
  return { status, body: { code, msg } };
}

function send(response: ServerResponse, { status, body }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Of entries from the newest to the oldest: the one of this key, else the first that begins alike. */
function match(newest: readonly CacheEntry[], wanted: string): CacheEntry[] {
  const exact = newest.find(({ key }) => key === wanted);
  const found = exact ?? newest.find(({ key }) => key.startsWith(wanted));
  return found === undefined ? [] : [found];
}

/** A whole blob; or one block of it, and then the list of blocks that it consists of. */
async function putBlob(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  query: URLSearchParams,
): Promise<void> {
  const part = (id: string) => `${path}-${createHash('sha256').update(id).digest('hex')}`;
  if (query.get('comp') === 'blocklist') {
    const list = await text(request);
    const whole = `${path}-whole`;
    await writeFile(whole, '');
    for (const [, id = ''] of list.matchAll(/<Latest>([^<]+)<\/Latest>/g)) {
      await appendFile(whole, await readFile(part(id)));
      await rm(part(id));
    }
    await rename(whole, path);
  } else {
    const id = query.get('blockid');
    await pipeline(request, createWriteStream(id === null ? path : part(id)));
  }
  response
    .writeHead(201, { etag: '"1"', 'last-modified': new Date().toUTCString(), 'x-ms-version': '2024-11-04' })
    .end();
}

async function sendBlob(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  fault: CacheFault | undefined,
): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return void response.writeHead(404).end();
  const { size } = found;
  const asked = /^bytes=(\d+)-(\d*)$/.exec(
    String(request.headers['x-ms-range'] ?? request.headers.range ?? ''),
  );
  const start = Number(asked?.[1] ?? 0);
  const end = Math.min(Number(asked?.[2] || size - 1), size - 1);
  const head = { etag: '"1"', 'last-modified': found.mtime.toUTCString(), 'x-ms-blob-type': 'BlockBlob' };
  response.writeHead(asked === null ? 200 : 206, {
    ...head,
    'content-length': end - start + 1,
    ...(asked !== null && { 'content-range': `bytes ${start}-${end}/${size}` }),
  });
  if (request.method === 'HEAD') return void response.end();
  const middle = Math.floor(size / 2);
  let at = start;
  for await (const chunk of createReadStream(path, { start, end })) {
    if (fault === 'cut' && at + chunk.length > middle) {
      response.write(chunk.subarray(0, Math.max(0, middle - at)));
      setTimeout(() => response.destroy(), 50);
      return;
    }
    if (fault === 'corrupt' && at <= middle && middle < at + chunk.length) chunk[middle - at] ^= 1;
    at += chunk.length;
    if (!response.write(chunk)) await once(response, 'drain');
  }
  response.end();
}
