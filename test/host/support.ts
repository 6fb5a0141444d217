import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeHeader, HEADER_SIZE } from '../../scripts/cvd/header.ts';
import { type Host, type HostOptions, type RequestLine, startHost } from '../../scripts/host/host.ts';

/** 22 Jun 2021 21-34 -0400, a whole minute. */
export const STIME = Date.UTC(2021, 5, 23, 1, 34) / 1000;

/** A CVD as the host sees it: a header of the right form, then anything. */
export function cvd({ stime = STIME, size = 4096, fill = 7 } = {}): Buffer {
  const bytes = Buffer.alloc(size, fill);
  const header = encodeHeader({
    time: `${new Date(stime * 1000).toUTCString().slice(5, 22).replace(':', '-')} +0000`,
    version: 1,
    signatures: 1,
    fLevel: 63,
    md5: '0'.repeat(32),
    dsig: 'a'.repeat(171),
    builder: 'nobody',
    stime,
  });
  bytes.set(header.subarray(0, HEADER_SIZE));
  return bytes;
}

/** Bytes in which every offset can be told from its neighbours. */
export function pattern(size: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(Math.imul(at + seed, 2654435761) >>> 0, at);
  return bytes;
}

export interface Served extends AsyncDisposable {
  readonly host: Host;
  readonly folder: string;
  /** The folder around the served one: nothing in it may ever be seen. */
  readonly outside: string;
  readonly lines: RequestLine[];
  /** The next line that `onRequest` is called with. */
  line(): Promise<RequestLine>;
}

/** Serves a new folder with these files. */
export async function serve(
  files: Readonly<Record<string, string | Uint8Array>> = {},
  options: Partial<HostOptions> = {},
): Promise<Served> {
  const outside = await mkdtemp(join(tmpdir(), 'host-'));
  const folder = join(outside, 'published');
  for (const name of ['archive', 'changes']) await mkdir(join(folder, name), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
  const lines: RequestLine[] = [];
  let wake = Promise.withResolvers<RequestLine>();
  const onRequest = (line: RequestLine): void => {
    lines.push(line);
    wake.resolve(line);
    wake = Promise.withResolvers();
  };
  const host = await startHost({ folder, onRequest, ...options });
  return {
    host,
    folder,
    outside,
    lines,
    line: () => wake.promise,
    async [Symbol.asyncDispose]() {
      await host.close();
      await rm(outside, { recursive: true, force: true });
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Sends a request whose path goes out as it is. Rejects if the body is cut. */
export async function ask(host: Host, path: string, options: RequestOptions = {}): Promise<Answer> {
  const response = await begin(host, path, options);
  const body = Buffer.concat(await response.toArray());
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

/** Sends a request and returns the response with its body unread. */
export async function begin(
  host: Host,
  path: string,
  options: RequestOptions = {},
): Promise<IncomingMessage> {
  const outgoing = request({ host: '127.0.0.1', port: host.port, path, agent: false, ...options });
  outgoing.end();
  const [response] = await once(outgoing, 'response');
  return response;
}

/** Writes bytes to a connection and returns all that comes back until the host closes it. */
export async function raw(host: Host, text: string): Promise<string> {
  const socket = connect(host.port, '127.0.0.1');
  socket.write(Buffer.from(text, 'latin1'));
  return await untilClosed(socket);
}

/** All that arrives until the connection is closed, or reset. */
export async function untilClosed(socket: Socket): Promise<string> {
  let received = '';
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  await new Promise((resolve) => socket.once('close', resolve));
  return received;
}
