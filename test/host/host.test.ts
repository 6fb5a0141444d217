import { mkdir, rm, writeFile } from 'node:fs/promises';
import { Agent } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { ask, cvd, raw, serve } from './support.ts';

test('a file is served whole, under the headers that clients and caches need', async () => {
  const content = cvd();
  await using served = await serve({ 'daily.cvd': content });
  const { status, headers, body } = await ask(served.host, '/daily.cvd');
  expect(status).toBe(200);
  expect(body.equals(content)).toBe(true);
  expect(headers).toMatchObject({
    'content-length': String(content.length),
    'content-type': 'application/octet-stream',
    'accept-ranges': 'bytes',
    'cache-control': 'public, max-age=60, must-revalidate',
    'x-content-type-options': 'nosniff',
  });
  expect(headers.etag).toMatch(/^"[^"]+"$/);
});

test.each([
  ['daily.cvd', 'application/octet-stream', 'public, max-age=60, must-revalidate'],
  ['daily-28001.cdiff', 'application/octet-stream', 'public, max-age=31536000, immutable'],
  ['daily-28001.cvd.sign', 'application/octet-stream', 'public, max-age=60, must-revalidate'],
  ['daily-28001.cdiff.sign', 'application/octet-stream', 'public, max-age=60, must-revalidate'],
  ['manifest.json', 'application/json', 'public, max-age=60, must-revalidate'],
  ['timestamp', 'text/plain; charset=utf-8', 'public, max-age=60, must-revalidate'],
  ['dns.txt', 'text/plain; charset=utf-8', 'public, max-age=60, must-revalidate'],
  ['status.html', 'text/html; charset=utf-8', 'public, max-age=60, must-revalidate'],
  [
    'metrics.prom',
    'application/openmetrics-text; version=1.0.0; charset=utf-8',
    'public, max-age=60, must-revalidate',
  ],
  ['unknown', 'application/octet-stream', 'public, max-age=60, must-revalidate'],
  ['archive/daily-28000.cvd', 'application/octet-stream', 'public, max-age=60, must-revalidate'],
])('%s is %s, cached as %s', async (name, type, cache) => {
  await using served = await serve({ [name]: 'content' });
  const { status, headers, body } = await ask(served.host, `/${name}`);
  expect(status).toBe(200);
  expect(headers).toMatchObject({ 'content-type': type, 'cache-control': cache });
  expect(body.toString()).toBe('content');
});

test.each(['/', '/index.html'])(
  'the status page at %s is in no frame, and asks nobody else',
  async (path) => {
    await using served = await serve({ 'index.html': 'content', 'status.html': 'content' });
    const { headers } = await ask(served.host, path);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; .*frame-ancestors 'none'$/);
    expect((await ask(served.host, '/status.html')).headers['content-security-policy']).toBeUndefined();
  },
);

test('nothing is ever encoded, whatever the client accepts', async () => {
  await using served = await serve({ 'dns.txt': 'a'.repeat(10_000) });
  const { headers, body } = await ask(served.host, '/dns.txt', {
    headers: { 'accept-encoding': 'gzip, deflate, br, zstd' },
  });
  expect(headers['content-encoding']).toBeUndefined();
  expect(body.length).toBe(10_000);
});

test('an empty CDIFF is a file like any other: it says "take the full CVD"', async () => {
  await using served = await serve({ 'daily-2.cdiff': '' });
  const { status, headers, body } = await ask(served.host, '/daily-2.cdiff');
  expect(status).toBe(200);
  expect(headers['content-length']).toBe('0');
  expect(body.length).toBe(0);
});

test.each([
  ['/daily.cvd', 200, '4096'],
  ['/none.cvd', 404, '14'],
])('HEAD %s has the headers of GET and no body', async (path, status, length) => {
  await using served = await serve({ 'daily.cvd': cvd() });
  const get = await ask(served.host, path);
  const head = await ask(served.host, path, { method: 'HEAD' });
  expect(head.status).toBe(status);
  expect(head.headers['content-length']).toBe(length);
  expect({ ...head.headers, date: '' }).toEqual({ ...get.headers, date: '' });
  expect(head.body.length).toBe(0);
  expect(served.lines.at(-1)?.bytes).toBe(0);
});

test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'])(
  '%s is not allowed, on files and elsewhere',
  async (method) => {
    await using served = await serve({ 'daily.cvd': cvd() });
    for (const path of ['/daily.cvd', '/none']) {
      const { status, headers } = await ask(served.host, path, { method });
      expect(status).toBe(405);
      expect(headers.allow).toBe('GET, HEAD');
    }
  },
);

test('CONNECT is not allowed, and a request for an upgrade gets the file', async () => {
  await using served = await serve({ 'dns.txt': 'text' });
  expect(await raw(served.host, 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(
    /^HTTP\/1\.1 405 .*Allow: GET, HEAD\r\n/s,
  );
  const upgrade =
    'GET /dns.txt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade, close\r\n\r\n';
  expect(await raw(served.host, upgrade)).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\ntext$/s);
});

test('a body sent with a refused request ends the connection instead of being read', async () => {
  await using served = await serve({}, { limits: { idle: 600_000 } });
  const head = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n';
  expect(await raw(served.host, `${head}some of it`)).toMatch(/^HTTP\/1\.1 405 /);
});

test('an empty mirror answers no health check, and gets healthy without a restart', async () => {
  await using served = await serve();
  for (const path of ['/', '/index.html', '/daily.cvd', '/timestamp']) {
    const { status, headers } = await ask(served.host, path);
    expect(status).toBe(404);
    expect(headers['cache-control']).toBe('no-store');
  }
  await writeFile(join(served.folder, 'index.html'), '<p>status</p>');
  const page = await ask(served.host, '/');
  expect(page.status).toBe(200);
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
});

test('the folder may go away and come back', async () => {
  await using served = await serve({ 'dns.txt': 'old' });
  await rm(served.folder, { recursive: true });
  expect((await ask(served.host, '/dns.txt')).status).toBe(404);
  await mkdir(served.folder);
  await writeFile(join(served.folder, 'dns.txt'), 'new');
  expect((await ask(served.host, '/dns.txt')).body.toString()).toBe('new');
});

test('each finished request is reported once, with what was sent', async () => {
  await using served = await serve({ 'daily.cvd': cvd() });
  await ask(served.host, '/daily.cvd?version=1', {
    headers: { range: 'bytes=0-511', 'user-agent': 'ClamAV/1.4.6' },
  });
  await ask(served.host, '/none');
  expect(served.lines).toEqual([
    {
      client: '127.0.0.1',
      method: 'GET',
      path: '/daily.cvd?version=1',
      status: 206,
      bytes: 512,
      range: 'bytes=0-511',
      userAgent: 'ClamAV/1.4.6',
      duration: expect.any(Number),
    },
    {
      client: '127.0.0.1',
      method: 'GET',
      path: '/none',
      status: 404,
      bytes: '404 Not Found\n'.length,
      range: undefined,
      userAgent: undefined,
      duration: expect.any(Number),
    },
  ]);
});

test('a connection is used again, also after 304, 404 and 416', async () => {
  await using served = await serve({ 'daily.cvd': cvd() });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set<unknown>();
  agent.on('free', (socket) => sockets.add(socket));
  const statuses: number[] = [];
  for (const headers of [{}, { range: 'bytes=9999-' }, { 'if-none-match': '*' }, {}]) {
    statuses.push((await ask(served.host, '/daily.cvd', { agent, headers })).status);
    statuses.push((await ask(served.host, '/none', { agent })).status);
  }
  agent.destroy();
  expect(statuses).toEqual([200, 404, 416, 404, 304, 404, 200, 404]);
  expect(sockets.size).toBe(1);
});

test('the URL is one that a client can use', async () => {
  await using served = await serve({ 'dns.txt': 'text' }, { address: '0.0.0.0' });
  expect(served.host.url).toBe(`http://127.0.0.1:${served.host.port}`);
  expect(await (await fetch(`${served.host.url}/dns.txt`)).text()).toBe('text');
});

test('a port in use is an error with advice', async () => {
  await using served = await serve();
  await expect(startHost({ folder: served.folder, port: served.host.port })).rejects.toMatchObject({
    code: 'host/port-in-use',
    advice: expect.any(String),
  });
});

test.each([{ address: '192.0.2.1' }, { address: 'no such address' }, { port: 65_536 }])(
  'what cannot be bound is an error with advice: %o',
  async (where) => {
    await using served = await serve();
    await expect(startHost({ folder: served.folder, ...where })).rejects.toMatchObject({
      code: 'host/address',
      advice: expect.any(String),
    });
  },
);

test('a folder that is missing or a file is an error with advice', async () => {
  await using served = await serve({ 'daily.cvd': cvd() });
  for (const folder of [join(served.folder, 'none'), join(served.folder, 'daily.cvd')]) {
    await expect(startHost({ folder })).rejects.toMatchObject({
      code: 'host/folder',
      advice: expect.any(String),
    });
  }
});

test('a failed start leaves no port open', async () => {
  await using served = await serve();
  await startHost({ folder: join(served.folder, 'none'), port: 0 }).catch(() => {});
  const { port } = served.host;
  await served.host.close();
  const other = createServer();
  await new Promise<void>((resolve, reject) => {
    other.once('error', reject);
    other.listen(port, '127.0.0.1', resolve);
  });
  other.close();
});

test('below a path that only its client knows, nobody else is served, or told of', async () => {
  await using served = await serve({ 'daily.cvd': cvd(), 'index.html': 'hello' }, { below: '/secret' });
  expect(served.host.url).toMatch(/\/secret$/);
  for (const path of ['/daily.cvd', '/', '/secret', '/secretdaily.cvd', '/other/daily.cvd'])
    expect((await ask(served.host, path)).status).toBe(404);
  const told = served.line();
  expect((await ask(served.host, '/secret/daily.cvd')).status).toBe(200);
  expect((await told).path).toBe('/daily.cvd');
  expect(served.lines).toHaveLength(1);
});
