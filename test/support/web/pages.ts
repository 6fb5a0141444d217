import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import send from 'send';

/** A host with the headers of GitHub Pages, for a folder that was deployed as it is now. */
export interface TestPages extends AsyncDisposable {
  readonly url: string;
  /** Paths that were asked for, without a leading slash; queries are left out. */
  readonly asked: string[];
  /** Answers this path with a status from now on; `undefined`: as it is. */
  fail(name: string, status: number | undefined): void;
}

const TEXT = ['.json', '.txt', '.html'];

/**
 * As site/hosts/pages.md describes it: every answer may be cached for ten minutes, the 404 page too; text is compressed
 * for who wants that, and parts of it are then parts of the compressed form; Last-Modified is the time of the deployment;
 * a name that begins with a dot was not deployed.
 */
export async function startPages(folder: string): Promise<TestPages> {
  const deployed = new Date().toUTCString();
  const failing = new Map<string, number>();
  const asked: string[] = [];
  const server = createServer(async (request, response) => {
    const name = decodeURIComponent(new URL(request.url ?? '/', 'http://pages').pathname.slice(1));
    asked.push(name);
    const page = (status: number) => {
      const headers = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'max-age=600' };
      response.writeHead(status, headers).end(`<!doctype html>${status}`);
    };
    const status = failing.get(name);
    if (status !== undefined) return page(status);
    if (TEXT.includes(extname(name)) && /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) {
      const body = await readFile(join(folder, name)).catch(() => undefined);
      if (body === undefined) return page(404);
      const headers = { 'content-encoding': 'gzip', vary: 'Accept-Encoding', 'cache-control': 'max-age=600' };
      const compressed = gzipSync(body);
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
      if (from === undefined) return response.writeHead(200, headers).end(compressed);
      const part = compressed.subarray(Number(from), Number(to) + 1); // of the compressed form
      const range = `bytes ${from}-${Number(from) + part.length - 1}/${compressed.length}`;
      return response.writeHead(206, { ...headers, 'content-range': range }).end(part);
    }
    send(request, `/${name}`, { root: folder, cacheControl: false, dotfiles: 'ignore', index: false })
      .on('headers', (answer) => {
        answer.setHeader('cache-control', 'max-age=600');
        answer.setHeader('last-modified', deployed);
      })
      .on('error', ({ status }) => {
        if (status !== 416) return page(404);
        response.writeHead(416, { 'content-range': String(response.getHeader('content-range')) }).end();
      })
      .on('directory', () => page(404))
      .pipe(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    fail: (name, status) => void (status === undefined ? failing.delete(name) : failing.set(name, status)),
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
