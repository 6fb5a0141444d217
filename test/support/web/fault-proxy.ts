import { once } from 'node:events';
import {
  createServer,
  request as forward,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';

/** A request as it passes. */
export interface Passing {
  /** Counted from 1. */
  readonly number: number;
  /** `PUT /bucket/key?x=y` */
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
}

/** What goes wrong with a request; nothing if there is none. */
export type Fault =
  /** It is answered here, with this status and S3 error code, and goes no further. */
  | { readonly status: number; readonly code: string }
  /** The answer comes so many milliseconds late. */
  | { readonly delay: number }
  /** The connection ends: before the request goes further, instead of the answer, or in the middle of its body. */
  | 'cut'
  | 'lose-answer'
  | 'cut-answer'
  /** A byte of its body is another one when it arrives. */
  | 'damage'
  /** The answer has another ETag. */
  | { readonly tag: (tag: string) => string }
  /** The answer has another body. */
  | { readonly body: (bytes: Buffer) => Buffer };

export interface FaultProxy extends AsyncDisposable {
  readonly url: string;
  readonly seen: readonly string[];
  /** Bytes of the bodies of requests. */
  readonly sent: number;
  /** Bytes of the bodies of answers. */
  readonly received: number;
  /** Headers of requests that go no further, in lower case. */
  readonly strip: Set<string>;
  fault: (request: Passing) => Fault | undefined | Promise<Fault | undefined>;
  /** Lets `seen`, `sent` and `received` begin anew. */
  forget(): void;
}

/** An HTTP server on 127.0.0.1 before another one, for the faults that a real one will not give on demand. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  let seen: string[] = [];
  let sent = 0;
  let received = 0;
  let count = 0;
  const { hostname, port } = new URL(target);
  const pass = async (request: IncomingMessage, response: ServerResponse) => {
    const line = `${request.method} ${request.url}`;
    seen.push(line);
    const fault = await proxy.fault({ number: ++count, line, headers: request.headers });
    if (fault === 'cut') {
      request.socket.destroy();
      return;
    }
    if (typeof fault === 'object' && 'status' in fault) {
      for await (const _ of request);
      const type = { 'Content-Type': 'application/xml', Date: new Date().toUTCString() };
      const body = `<?xml version="1.0"?><Error><Code>${fault.code}</Code><Message>as told</Message></Error>`;
      response.writeHead(fault.status, type).end(request.method === 'HEAD' ? '' : body);
      return;
    }
    const headers = Object.fromEntries(
      Object.entries(request.headers).filter(([name]) => !proxy.strip.has(name)),
    );
    const onward = forward({ hostname, port, method: request.method, path: request.url, headers });
    onward.on('error', () => response.destroy());
    onward.on('response', async (answer) => {
      answer.on('error', () => response.destroy());
      if (fault === 'lose-answer') {
        response.destroy();
        return;
      }
      if (typeof fault === 'object' && 'delay' in fault) await wait(fault.delay);
      if (typeof fault === 'object' && 'body' in fault) {
        const bytes = fault.body(await buffer(answer));
        const { 'content-length': _, 'transfer-encoding': __, ...kept } = answer.headers;
        response.writeHead(answer.statusCode ?? 502, { ...kept, 'content-length': bytes.length }).end(bytes);
        return;
      }
      const { etag } = answer.headers;
      const tag = typeof fault === 'object' && 'tag' in fault && etag !== undefined ? fault.tag(etag) : etag;
      response.writeHead(answer.statusCode ?? 502, {
        ...answer.headers,
        ...(tag !== undefined && { etag: tag }),
      });
      answer.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
      if (fault !== 'cut-answer') {
        answer.pipe(response);
        return;
      }
      response.write((await answer[Symbol.asyncIterator]().next()).value.subarray(0, 10));
      setTimeout(() => response.destroy(), 50);
    });
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        sent += chunk.length;
        if (fault === 'damage') chunk.writeUInt8(chunk.readUInt8(0) ^ 1);
        done(null, chunk);
      },
    });
    request.on('error', () => onward.destroy());
    request.pipe(counted).pipe(onward);
  };
  const server = createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  const proxy: FaultProxy = {
    url: '',
    get seen() {
      return seen;
    },
    get sent() {
      return sent;
    },
    get received() {
      return received;
    },
    strip: new Set(),
    fault: () => undefined,
    forget() {
      seen = [];
      sent = 0;
      received = 0;
      count = 0;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const listening = typeof address === 'object' && address !== null ? address.port : 0;
  return Object.assign(proxy, { url: `http://127.0.0.1:${listening}` });
}
