import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { HEADER_SIZE } from '../../../../scripts/cvd/header.ts';
import { parseFileName } from '../../../../scripts/cvd/names.ts';
import { DigestSet, type FileDigests } from '../../../../scripts/verify/sign.ts';
import type { Upstream } from './upstream.ts';

/** A whole CVD that is about to reach freshclam, or the beginning of one. */
export interface PassingCvd {
  readonly mirror: URL;
  readonly database: string;
  readonly head: Buffer;
  readonly digests: FileDigests;
}

/** What 1.5 does beside what the real freshclam does. All of it happens before freshclam has the whole answer. */
export interface Flow {
  /** Whether it asks for a CDIFF at all: it first unpacks what it has. */
  canPatch(database: string): boolean;
  /** The start of a CVD, to see what version there is; `undefined`: 304. */
  headerCame(mirror: URL, database: string, head: Buffer | undefined): Promise<void>;
  /** Whether it takes the CVD. */
  cvdCame(cvd: PassingCvd): Promise<boolean>;
  /** Whether it takes the CDIFF. */
  cdiffCame(mirror: URL, database: string, version: number, cdiff: Buffer): Promise<boolean>;
}

/** Stands between the real freshclam and its mirrors. */
export interface Forwarder extends AsyncDisposable {
  /** In the place of the mirror with this URL. */
  urlFor(mirror: string): string;
  /** A line of freshclam's with the mirrors named as they are. */
  named(line: string): string;
}

/** What is held back of a body until it is known whether it may pass. */
const HELD_BACK = 16;
const PROBE_RANGE = `bytes=0-${HEADER_SIZE - 1}`;
const HOP_BY_HOP = ['connection', 'keep-alive', 'transfer-encoding', 'host', 'proxy-connection'];

/**
 * Passes on what freshclam asks and what the mirror answers, and tells `flow`. What 1.5 would refuse is spoilt on its way,
 * so that the real freshclam refuses it: a CVD in its last byte, a CDIFF in its signature.
 */
export async function startForwarder(upstream: Upstream, flow: Flow): Promise<Forwarder> {
  const mirrors: URL[] = [];
  const server = createServer((request, response) => {
    forward(request, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const forward = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [, index = '', name = ''] = /^\/(\d+)\/(.*)$/.exec(request.url ?? '') ?? [];
    const mirror = mirrors[Number(index)];
    if (mirror === undefined) return void response.destroy();
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const file = parseFileName(name);
    if (file?.kind === 'cdiff' && !flow.canPatch(file.database)) {
      response.writeHead(404, { connection: 'close', 'content-length': '0' }).end();
      return;
    }
    const answer = await upstream.get(urlOf(mirror, name), requestHeaders(request), gone.signal);
    const headers = Object.fromEntries(
      Object.entries(answer.headers).filter(([key]) => !HOP_BY_HOP.includes(key)),
    ) as Record<string, string | string[]>;
    response.writeHead(answer.statusCode, { ...headers, connection: 'close' });
    const { range } = request.headers;
    const isCvd = file?.kind === 'cvd' && file.version === undefined;
    const came = answer.statusCode === 200 || answer.statusCode === 206;
    if (isCvd && range === PROBE_RANGE && (came || answer.statusCode === 304)) {
      await pass(answer.body, response, async ({ head }) => {
        await flow.headerCame(mirror, file.database, came ? head : undefined);
        return true;
      });
    } else if (isCvd && came && !isOld(request, headers)) {
      const cvd = { mirror, database: file.database };
      await pass(answer.body, response, (passing) => flow.cvdCame({ ...cvd, ...passing }));
    } else if (file?.kind === 'cdiff' && came) {
      const bytes = await buffer(answer.body);
      if (bytes.length > 0 && !(await flow.cdiffCame(mirror, file.database, file.version, bytes)))
        spoil(bytes, 8);
      response.end(bytes);
    } else {
      await pass(answer.body, response, async () => true);
    }
  };

  return {
    urlFor(mirror) {
      const text = mirror.includes('://') ? mirror : `http://${mirror}`;
      return `http://127.0.0.1:${port}/${mirrors.push(new URL(text)) - 1}`;
    },
    named: (line) =>
      line.replaceAll(new RegExp(`http://127\\.0\\.0\\.1:${port}/(\\d+)`, 'g'), (own, index) => {
        const { origin, pathname } = mirrors[Number(index)] ?? new URL(own);
        return origin + pathname.replace(/\/$/, '');
      }),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** `name` on a mirror, whatever path that has. */
export function urlOf(mirror: URL, name: string): URL {
  const url = new URL(mirror);
  url.pathname = `${url.pathname.replace(/\/$/, '')}/${name}`;
  return url;
}

function requestHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (!HOP_BY_HOP.includes(name) && typeof value === 'string') headers[name] = value;
  }
  return headers;
}

/** libcurl drops an answer that is not newer than was asked for (clamav-formats.md §0.4). */
function isOld(request: IncomingMessage, headers: Readonly<Record<string, unknown>>): boolean {
  const since = Date.parse(request.headers['if-modified-since'] ?? '');
  return Date.parse(String(headers['last-modified'])) <= since;
}

/** Streams a body, and asks before its end whether it may pass. */
async function pass(
  body: AsyncIterable<Buffer>,
  response: ServerResponse,
  mayPass: (passing: { head: Buffer; digests: FileDigests }) => Promise<boolean>,
): Promise<void> {
  const set = new DigestSet();
  let [head, held] = [Buffer.alloc(0), Buffer.alloc(0)];
  for await (const chunk of body) {
    set.update(chunk);
    if (head.length < HEADER_SIZE) head = Buffer.concat([head, chunk]).subarray(0, HEADER_SIZE);
    held = Buffer.concat([held, chunk]);
    const ready = held.subarray(0, Math.max(0, held.length - HELD_BACK));
    held = held.subarray(ready.length);
    if (ready.length > 0 && !response.write(ready))
      await Promise.race([once(response, 'drain'), once(response, 'close')]);
  }
  if (!(await mayPass({ head, digests: set.digests() }))) spoil(held, 1);
  response.end(held);
}

/** Changes one byte of the last few. */
function spoil(bytes: Buffer, fromEnd: number): void {
  const at = Math.max(0, bytes.length - fromEnd);
  bytes[at] = bytes[at] === 0x41 ? 0x42 : 0x41;
}
