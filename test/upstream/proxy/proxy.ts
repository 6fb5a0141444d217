import { once } from 'node:events';
import { createServer, request as forward } from 'node:http';
import { connect } from 'node:net';

export interface Proxy extends AsyncDisposable {
  /** Of its address, with these credentials. */
  url(credentials?: string): string;
  /** `GET http://…` or `CONNECT host:port`, each with the credentials that came with it, decoded. */
  readonly seen: readonly { readonly line: string; readonly credentials: string | undefined }[];
}

/**
 * An HTTP proxy on 127.0.0.1 that forwards requests and opens tunnels, all of them to `target` (a port) whatever
 * host they name, if they carry `credentials`.
 */
export async function startProxy(
  target: number,
  credentials?: string,
  {
    plain = 200,
  }: { /** Another status is its answer to whatever is no CONNECT. */ readonly plain?: number } = {},
): Promise<Proxy> {
  const seen: { line: string; credentials: string | undefined }[] = [];
  const admits = (line: string, header: string | undefined): boolean => {
    const given =
      header === undefined ? undefined : Buffer.from(header.replace('Basic ', ''), 'base64').toString();
    seen.push({ line, credentials: given });
    return given === credentials;
  };
  const server = createServer((request, response) => {
    const { method, url = '', headers } = request;
    if (!admits(`${method} ${url}`, headers['proxy-authorization'])) {
      response.writeHead(407).end();
      return;
    }
    if (plain !== 200) {
      response.writeHead(plain).end('tunnels only');
      return;
    }
    const { pathname, search } = new URL(url);
    const onward = forward({ host: '127.0.0.1', port: target, method, path: pathname + search, headers });
    onward.on('error', () => response.destroy());
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on('connect', (request, socket) => {
    if (!admits(`CONNECT ${request.url}`, request.headers['proxy-authorization'])) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
      return;
    }
    const onward = connect(target, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    onward.on('error', () => socket.destroy());
    socket.on('error', () => onward.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: (user) => `http://${user === undefined ? '' : `${user}@`}127.0.0.1:${port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}
