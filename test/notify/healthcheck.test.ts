import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PING_ANSWER_BYTES } from '../../scripts/base/limits/github.ts';
import { pingHealthcheck } from '../../scripts/notify/healthcheck.ts';
import { NO_PROXIES } from '../support/web/no-proxies.ts';
import { startProxy } from '../upstream/proxy/proxy.ts';

const UUID = '6f0b0e0c-secret';

describe('the healthcheck ping', () => {
  let seen: { line: string; body: string; authorization: string | undefined }[];
  let answers: ((respond: (status: number, body?: string) => void) => void)[];
  let server: ReturnType<typeof createServer>;
  let port: number;
  beforeEach(async () => {
    seen = [];
    answers = [];
    server = createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { method, url, headers } = request;
      seen.push({ line: `${method} ${url}`, body, authorization: headers.authorization });
      const next = answers.shift() ?? ((respond) => respond(200, 'OK'));
      next((status, text = '') => response.writeHead(status).end(text));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = Object(server.address()).port;
  });
  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  const ping = (
    verified: boolean,
    { path = `/${UUID}`, text = 'daily 28001', proxies = NO_PROXIES, answer = 20_000 } = {},
  ) =>
    pingHealthcheck(
      `http://127.0.0.1:${port}${path}`,
      { verified, text },
      { proxies, patience: { answer, waits: [5, 5] } },
    );

  test('goes to the URL after a verified cycle, and to /fail otherwise', async () => {
    expect(await ping(true)).toBeUndefined();
    expect(await ping(false, { text: 'daily was refused' })).toBeUndefined();
    expect(await ping(false, { path: `/${UUID}/?create=1` })).toBeUndefined();
    expect(seen.map(({ line }) => line)).toEqual([
      `POST /${UUID}`,
      `POST /${UUID}/fail`,
      `POST /${UUID}/fail?create=1`,
    ]);
    expect(seen[1]?.body).toBe('daily was refused');
  });

  test('is tried again if the service has trouble, and not if it says no', async () => {
    answers = [(respond) => respond(503), () => {}];
    expect(await ping(true, { answer: 1500 })).toBeUndefined();
    expect(seen).toHaveLength(3);
    answers = [(respond) => respond(404)];
    expect(await ping(true)).toMatch(/404/);
    expect(seen).toHaveLength(4);
  });

  test('says so if the service does not know it, in spite of the status', async () => {
    answers = [(respond) => respond(200, 'OK (not found)')];
    expect(await ping(true)).toMatch(/not found/);
  });

  test('reads no more of an answer than it needs', async () => {
    answers = [(respond) => respond(200, `OK${' '.repeat(PING_ANSWER_BYTES)}(not found)`.padEnd(10_000_000))];
    expect(await ping(true)).toBeUndefined();
  });

  test('gives up in bounded time, without a word of the URL', async () => {
    answers = Array.from({ length: 3 }, () => () => {});
    const problems = [await ping(true, { answer: 300 })];
    expect(seen).toHaveLength(3);
    server.close();
    server.closeAllConnections();
    problems.push(await ping(true));
    const settings = { proxies: NO_PROXIES, patience: { answer: 300, waits: [] } };
    for (const url of [`ftp://x/${UUID}`, UUID, `http://[${UUID}`, ''])
      problems.push(await pingHealthcheck(url, { verified: true, text: '' }, settings));
    expect(problems.every((problem) => typeof problem === 'string')).toBe(true);
    expect(problems.join()).not.toMatch(/secret|127\.0\.0\.1/);
  });

  test('cuts a long text, and sends the user in the URL as such', async () => {
    await ping(true, { text: '😀'.repeat(5000) });
    expect([...(seen[0]?.body ?? '')]).toHaveLength(2000);
    const url = `http://me:p%40ss@127.0.0.1:${port}/${UUID}`;
    await pingHealthcheck(url, { verified: true, text: '' }, { proxies: NO_PROXIES });
    expect(seen[1]?.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
  });

  test('goes through a proxy', async () => {
    await using proxy = await startProxy(port, 'me:hidden');
    const proxies = { ...NO_PROXIES, httpProxy: proxy.url('me:hidden') };
    const url = `http://hc.invalid/${UUID}`;
    expect(await pingHealthcheck(url, { verified: true, text: '' }, { proxies })).toBeUndefined();
    expect(proxy.seen).toHaveLength(1);
    expect(seen.map(({ line }) => line)).toEqual([`POST /${UUID}`]);
  });
});
