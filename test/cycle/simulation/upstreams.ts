import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { replyTo } from '../../../scripts/proof/clients/dns-answer.ts';
import type { Version } from './talos.ts';

/** What an upstream does wrong until the next step of a month. */
export const FAULTS = [
  ...['cools down', 'forbids', 'is broken', 'hangs up', 'has moved', 'is empty'],
  ...['cuts bodies', 'has a stale header', 'is older', 'stands still'],
  ...[
    'forges headers',
    'mixes bodies',
    'mixes CDIFFs',
    'damages CDIFFs',
    'has no CDIFF yet',
    'has bad .sign files',
  ],
] as const;
export type Fault = (typeof FAULTS)[number] | 'is well';

/** Faults by which no answer can be taken for one. */
export const SILENT: readonly Fault[] = [
  ...(['cools down', 'forbids', 'is broken', 'hangs up', 'has moved', 'is empty', 'forges headers'] as const),
];

/** Seconds that an upstream asks to be left alone. */
export const RETRY_AFTER = 3 * 3600;

/** An upstream of one month. */
export interface Upstream {
  readonly url: string;
  readonly asked: string[];
  fault: Fault;
  /** Newest version that it has. */
  version: number;
}

export interface Upstreams extends AsyncDisposable {
  open(): Upstream;
  close(upstream: Upstream): void;
  /** Where names are asked for, and the texts that it answers with, by name. */
  readonly dns: { readonly address: string; readonly records: Map<string, string> };
}

interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly retryAfter?: number;
  readonly isCut?: boolean;
}

/** One server in this process for the upstreams of all months, and one nameserver. */
export async function startUpstreams(versions: ReadonlyMap<number, Version>): Promise<Upstreams> {
  const open = new Map<string, Upstream>();
  const server = createServer({ keepAlive: true }, (request, response) => {
    const [, id = '', name = ''] = (request.url ?? '').split('/');
    const upstream = open.get(id);
    if (upstream === undefined) return void response.destroy();
    upstream.asked.push(name);
    if (upstream.fault === 'hangs up') return void response.destroy();
    send(request, response, answerOf(upstream, name, versions));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${Object(server.address()).port}`;
  const records = new Map<string, string>();
  const socket = createSocket('udp4', (query, from) => {
    const reply = replyTo(query, records, () => {});
    if (reply !== undefined) socket.send(reply, from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  let count = 0;
  return {
    dns: { address: `127.0.0.1:${socket.address().port}`, records },
    open() {
      const id = `${count++}`;
      const upstream: Upstream = { url: `${base}/${id}`, asked: [], fault: 'is well', version: 0 };
      open.set(id, upstream);
      return upstream;
    },
    close: ({ url }) => void open.delete(url.split('/').at(-1) ?? ''),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await new Promise<void>((resolve) => socket.close(resolve));
    },
  };
}

function answerOf(upstream: Upstream, name: string, versions: ReadonlyMap<number, Version>): Answer {
  const { fault } = upstream;
  const text = (status: number, body = '<title>Sorry</title>') => ({ status, body: Buffer.from(body) });
  if (fault === 'cools down') return { ...text(429), retryAfter: RETRY_AFTER };
  if (fault === 'forbids') return text(403);
  if (fault === 'is broken') return text(503);
  if (fault === 'has moved') return text(200, '<p>We have moved.</p>'.repeat(50));
  if (fault === 'is empty') return text(404);
  const body = fileOf(upstream, name, versions);
  return body === undefined ? text(404) : { status: 200, body, isCut: fault === 'cuts bodies' };
}

function fileOf(
  upstream: Upstream,
  name: string,
  versions: ReadonlyMap<number, Version>,
): Buffer | undefined {
  const { fault, version } = upstream;
  const served = versions.get(version - (fault === 'is older' ? 3 : 0)) ?? versions.get(version);
  if (name === 'daily.cvd') {
    if (fault === 'has a stale header') return versions.get(version - 1)?.cvd ?? served?.cvd;
    if (fault === 'forges headers') return served?.forged;
    return fault === 'mixes bodies' ? served?.otherBody : served?.cvd;
  }
  if (name.endsWith('.sign'))
    return fault === 'has bad .sign files' ? Buffer.from('no signature') : undefined;
  const step = Number(/^daily-(\d+)\.cdiff$/.exec(name)?.[1]);
  const cdiff = step <= (served?.number ?? 0) ? versions.get(step)?.cdiff : undefined;
  if (fault === 'has no CDIFF yet' && step === served?.number) return undefined;
  if (fault === 'mixes CDIFFs') return versions.get(step - 1)?.cdiff ?? cdiff;
  if (fault !== 'damages CDIFFs' || cdiff === undefined) return cdiff;
  const damaged = Buffer.from(cdiff);
  damaged[40] = (damaged[40] ?? 0) ^ 1;
  return damaged;
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  const { status, body, retryAfter, isCut = false } = answer;
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
  const tag = tagOf(body);
  const ifRange = request.headers['if-range'];
  const isPart = status === 200 && first !== undefined && (ifRange === undefined || ifRange === tag);
  const [from, to] = isPart
    ? [Number(first), Math.min(last ? Number(last) + 1 : body.length, body.length)]
    : [0, body.length];
  if (isPart && from >= to) {
    response.writeHead(416, { 'content-range': `bytes */${body.length}`, 'content-length': 0 }).end();
    return;
  }
  response.writeHead(isPart ? 206 : status, {
    ...{ 'content-length': `${to - from}`, etag: tag },
    ...(isPart && { 'content-range': `bytes ${from}-${to - 1}/${body.length}` }),
    ...(retryAfter !== undefined && { 'retry-after': `${retryAfter}` }),
  });
  if (!isCut) return void response.end(body.subarray(from, to));
  response.write(body.subarray(from, from + Math.floor((to - from) / 2)), () => response.destroy());
}

const tags = new WeakMap<Buffer, string>();

function tagOf(body: Buffer): string {
  const tag = tags.get(body) ?? `"${createHash('md5').update(body).digest('hex')}"`;
  tags.set(body, tag);
  return tag;
}
