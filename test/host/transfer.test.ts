import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { rename, truncate, writeFile } from 'node:fs/promises';
import { Agent, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { ask, begin, cvd, pattern, raw, STIME, serve, untilClosed } from './support.ts';

vi.setConfig({ testTimeout: 60_000 });

const MEGABYTE = 1024 * 1024;
/** More than the buffers of both ends of a loopback connection hold. */
const LARGE = 32 * MEGABYTE;
/** So long that a test which had to wait for it would fail. */
const FOREVER = 600_000;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const rest = async (response: IncomingMessage): Promise<Buffer> => Buffer.concat(await response.toArray());

test('twenty parallel readers of 8 MB each get every byte', async () => {
  const content = pattern(8 * MEGABYTE);
  await using served = await serve({ 'daily.cvd': content });
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(served.host, '/daily.cvd')));
  expect(new Set(answers.map(({ body }) => sha256(body)))).toEqual(new Set([sha256(content)]));
  expect(served.lines.map(({ bytes }) => bytes)).toEqual(Array(20).fill(content.length));
});

test('a file replaced during its transfer arrives as it was', async () => {
  const content = pattern(LARGE);
  await using served = await serve({ 'daily.cvd': content });
  const response = await begin(served.host, '/daily.cvd');
  await writeFile(join(served.folder, '.next'), 'shorter');
  await rename(join(served.folder, '.next'), join(served.folder, 'daily.cvd'));
  expect(sha256(await rest(response))).toBe(sha256(content));
  expect((await ask(served.host, '/daily.cvd')).body.toString()).toBe('shorter');
});

test.each([
  ['just changed', 0],
  ['long unchanged, and kept open therefore', 60_000],
])('a file replaced again and again is always one version: date, length and body (%s)', async (_, later) => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + later });
  const versions = [1, 2].map((n) => cvd({ stime: STIME + 60 * n, size: 1000 + 50_000 * n, fill: n }));
  await using served = await serve({ 'daily.cvd': versions[0] ?? '' });
  let done = false;
  const replacing = (async () => {
    for (let turn = 0; !done; turn++) {
      await writeFile(join(served.folder, '.next'), versions[turn % 2] ?? '');
      await rename(join(served.folder, '.next'), join(served.folder, 'daily.cvd'));
    }
  })();
  try {
    for (let turn = 0; turn < 50; turn++) {
      const answers = await Promise.all(Array.from({ length: 8 }, () => ask(served.host, '/daily.cvd')));
      for (const { headers, body } of answers) {
        const version = versions.findIndex((content) => content.equals(body)) + 1;
        expect(version).toBeGreaterThan(0);
        expect(headers['content-length']).toBe(String(body.length));
        expect(headers['last-modified']).toBe(new Date((STIME + 60 * version) * 1000).toUTCString());
      }
    }
  } finally {
    done = true;
    await replacing;
    vi.useRealTimers();
  }
});

test('a file cut short in place ends the connection, so that nobody takes the rest for it', async () => {
  await using served = await serve({ 'daily.cvd': pattern(LARGE) }, { limits: { idle: FOREVER, grace: 0 } });
  const response = await begin(served.host, '/daily.cvd', { agent: new Agent({ keepAlive: true }) });
  await truncate(join(served.folder, 'daily.cvd'), LARGE - 1);
  const reported = served.line();
  await expect(rest(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
  expect((await reported).bytes).toBeLessThan(LARGE);
});

test('a client that goes away is reported with what it took, and its file is closed', async () => {
  await using served = await serve({ 'daily.cvd': pattern(LARGE) });
  const reported = served.line();
  const response = await begin(served.host, '/daily.cvd');
  await once(response, 'readable');
  response.destroy();
  const { status, bytes } = await reported;
  expect(status).toBe(200);
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(LARGE);
});

test('requests that wait on a connection for an earlier one end with it', async () => {
  await using served = await serve({ 'daily.cvd': pattern(LARGE) }, { limits: { grace: FOREVER } });
  const socket = connect(served.host.port, '127.0.0.1');
  for (let turn = 0; turn < 3; turn++) socket.write('GET /daily.cvd HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(socket, 'readable');
  socket.destroy();
  await expect.poll(() => served.lines.length).toBe(3);
  expect(served.lines.slice(1).map(({ bytes }) => bytes)).toEqual([0, 0]);
});

test.skipIf(process.platform !== 'linux')('no request leaves a file descriptor open', async () => {
  await using served = await serve({ 'daily.cvd': pattern(LARGE), 'daily-2.cdiff': '' });
  const open = (): number => readdirSync('/proc/self/fd').length;
  const before = open();
  for (let turn = 0; turn < 20; turn++) {
    await ask(served.host, '/daily.cvd', { headers: { range: 'bytes=0-511' } });
    await ask(served.host, '/daily.cvd', { headers: { range: 'bytes=5-2' } });
    await ask(served.host, '/daily.cvd', { headers: { 'if-none-match': '*' } });
    await ask(served.host, '/daily.cvd', { method: 'HEAD' });
    await ask(served.host, '/daily-2.cdiff');
    await ask(served.host, '/archive');
    const reported = served.line();
    (await begin(served.host, '/daily.cvd')).destroy();
    await reported;
  }
  await expect.poll(open).toBeLessThanOrEqual(before);
});

test('close lets a transfer finish, and accepts nothing more', async () => {
  const content = pattern(LARGE);
  await using served = await serve({ 'daily.cvd': content }, { limits: { grace: FOREVER, idle: FOREVER } });
  const response = await begin(served.host, '/daily.cvd', { agent: new Agent({ keepAlive: true }) });
  const closed = served.host.close();
  await expect(ask(served.host, '/daily.cvd')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  expect(sha256(await rest(response))).toBe(sha256(content));
  await closed;
  expect(served.lines[0]?.bytes).toBe(LARGE);
});

test('close cuts off a transfer that does not finish in time', async () => {
  await using served = await serve({ 'daily.cvd': pattern(LARGE) }, { limits: { grace: 100 } });
  const response = await begin(served.host, '/daily.cvd');
  await served.host.close();
  await expect(rest(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('close does not wait for connections without a request, and can be called twice', async () => {
  const limits = { idle: FOREVER, headers: FOREVER, request: FOREVER, grace: FOREVER };
  await using served = await serve({ 'dns.txt': 'text' }, { limits });
  const agent = new Agent({ keepAlive: true });
  await ask(served.host, '/dns.txt', { agent });
  const silent = connect(served.host.port, '127.0.0.1');
  const half = connect(served.host.port, '127.0.0.1');
  half.write('GET /dns.txt HTTP/1.1\r\n');
  const gone = Promise.all([untilClosed(silent), untilClosed(half)]);
  await Promise.all([once(silent, 'connect'), once(half, 'connect')]);
  await ask(served.host, '/dns.txt');
  await Promise.all([served.host.close(), served.host.close()]);
  await gone;
  agent.destroy();
});

test('a client that takes nothing is cut off', async () => {
  await using served = await serve({ 'daily.cvd': pattern(LARGE) }, { limits: { stall: 100 } });
  const reported = served.line();
  const response = await begin(served.host, '/daily.cvd');
  expect((await reported).bytes).toBeLessThan(LARGE);
  await expect(rest(response)).rejects.toMatchObject({ code: 'ECONNRESET' });
});

test('a client that does not finish its headers is cut off', async () => {
  await using served = await serve({}, { limits: { headers: 100, request: 100 } });
  expect(await raw(served.host, 'GET /daily.cvd HTTP/1.1\r\nHost: a\r\n')).toMatch(/^HTTP\/1\.1 408 /);
});

test('an idle connection is closed', async () => {
  await using served = await serve({ 'dns.txt': 'text' }, { limits: { idle: 1000 } });
  expect(await raw(served.host, 'GET /dns.txt HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/\r\n\r\ntext$/);
});

test.each([
  ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['GARBAGE\r\n\r\n', 400],
  ['GET / HTTP/9.9\r\n\r\n', 400],
  ['GET / HTTP/1.1\r\n\r\n', 400],
  [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
])('garbage %# is refused, and the host lives on', async (text, status) => {
  await using served = await serve({ 'dns.txt': 'text' });
  expect(await raw(served.host, text)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  expect((await ask(served.host, '/dns.txt')).status).toBe(200);
});

test.each(['GARBAGE\r\n\r\n', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n'])(
  'what follows a request does not get an answer into the body of the first: %j',
  async (text) => {
    await using served = await serve({ 'daily.cvd': Buffer.alloc(LARGE, 'x') });
    const socket = connect(served.host.port, '127.0.0.1');
    socket.write('GET /daily.cvd HTTP/1.1\r\nHost: a\r\n\r\n');
    await once(socket, 'readable');
    socket.write(text);
    const answer = await untilClosed(socket);
    expect(answer.slice(answer.indexOf('\r\n\r\n') + 4).replaceAll('x', '')).toBe('');
  },
);

test.each(['GARBAGE\r\n\r\n', 'CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n'])(
  'close does not wait for a client that was refused and does not hang up: %j',
  async (text) => {
    const limits = { idle: FOREVER, stall: FOREVER, grace: FOREVER };
    await using served = await serve({}, { limits });
    const socket = connect({ port: served.host.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.write(text);
    await once(socket.resume(), 'end');
    await served.host.close();
    socket.destroy();
  },
);
