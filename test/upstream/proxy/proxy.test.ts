import { afterEach, describe, expect, test, vi } from 'vitest';
import { proxyFor } from '../../../scripts/http/proxies.ts';
import { startUpstream, type TestUpstream } from '../../support/mirror/upstream.ts';
import { NOBODY, openClient } from '../support.ts';
import { startProxy } from './proxy.ts';

const CVD = Buffer.alloc(1000, 'cvd');
const FILES = new Map([['daily.cvd', CVD]]);
const portOf = ({ url }: Pick<TestUpstream, 'url'>) => Number(new URL(url).port);

afterEach(() => {
  vi.unstubAllEnvs();
});

test('a proxy is used, with the credentials in its URL', async () => {
  await using upstream = await startUpstream(FILES);
  await using proxy = await startProxy(portOf(upstream), 'me:p@ss word');
  await using open = openClient('http://mirror.test', {
    proxies: { httpProxy: proxy.url('me:p%40ss%20word') },
  });
  expect((await open.client.probe('daily.cvd')).toString()).toBe(CVD.subarray(0, 522).toString());
  expect(proxy.seen).toEqual([{ line: 'GET http://mirror.test/daily.cvd', credentials: 'me:p@ss word' }]);
  expect(upstream.requests).toMatchObject([{ range: 'bytes=0-521' }]);
});

test('a proxy that wants other credentials is asked once, and it is no answer of upstream', async () => {
  await using upstream = await startUpstream(FILES);
  await using proxy = await startProxy(portOf(upstream), 'me:secret');
  await using open = openClient('http://mirror.test', { proxies: { httpProxy: proxy.url('me:wrong') } });
  await expect(open.client.probe('daily.cvd')).rejects.toMatchObject({ code: 'upstream/proxy' });
  expect(proxy.seen).toHaveLength(1);
  expect(upstream.requests).toEqual([]);
});

test('a proxy that is not there is an error, not a reason to go around it', async () => {
  await using open = openClient('http://mirror.test', { proxies: { httpProxy: NOBODY } });
  await expect(open.client.probe('daily.cvd')).rejects.toMatchObject({
    code: 'upstream/unreachable',
    message: expect.stringContaining(NOBODY),
  });
});

describe('the way to a host', () => {
  const to = (url: string, noProxy: string) =>
    proxyFor(url, { httpProxy: 'http://proxy.example:3128', httpsProxy: '', noProxy })?.host;

  test.each([
    ['http://mirror.test/x', 'mirror.test'],
    ['http://mirror.test/x', 'example.org, mirror.test'],
    ['http://a.mirror.test', '.mirror.test'],
    ['http://a.mirror.test', '*.mirror.test'],
    ['http://mirror.test.', 'mirror.test'],
    ['http://mirror.test', '*'],
    ['http://mirror.test:8080', 'mirror.test:8080'],
    ['http://10.1.2.3', '10.0.0.0/8'],
    ['http://[2001:db8::5]', '2001:db8::/32'],
    ['http://[2001:db8::5]', '2001:db8::5'],
    ['http://[2001:db8::5]:81', '[2001:db8::5]:81'],
    ['http://127.0.0.1:8080', ''],
    ['http://127.9.9.9', ''],
    ['http://[::1]:8080', ''],
    ['https://localhost', ''],
    ['http://x.localhost', ''],
  ])('%s leads past the proxy with NO_PROXY "%s"', (url, noProxy) => {
    expect(to(url, noProxy)).toBeUndefined();
  });

  test.each([
    ['http://mirror.test', 'example.org,127.0.0.2'],
    ['http://amirror.test', 'mirror.test'],
    ['http://mirror.test', 'mirror.test:8080'],
    ['http://11.1.2.3', '10.0.0.0/8'],
    ['http://10.1.2.3', '10.0.0.0/33'],
    ['http://mirror.test', '10.0.0.0/8 0.0.0.0/0'],
    ['http://localhost.test', ''],
  ])('%s leads through it with NO_PROXY "%s"', (url, noProxy) => {
    expect(to(url, noProxy)).toBe('proxy.example:3128');
  });

  test('is the same for a request: this machine is asked directly, others are not', async () => {
    await using upstream = await startUpstream(FILES);
    await using proxy = await startProxy(portOf(upstream));
    const proxies = { httpProxy: proxy.url(), noProxy: 'example.org' };
    await using direct = openClient(upstream.url, { proxies });
    await direct.client.probe('daily.cvd');
    expect(proxy.seen).toEqual([]);
    await using through = openClient('http://mirror.test', { proxies });
    await through.client.probe('daily.cvd');
    expect(proxy.seen).toHaveLength(1);
  });
});

test.each([405, 501])(
  'a proxy that opens tunnels only, and says %s to all else, opens one for http',
  async (plain) => {
    await using upstream = await startUpstream(FILES);
    await using proxy = await startProxy(portOf(upstream), 'me:secret', { plain });
    await using open = openClient('http://mirror.test', { proxies: { httpProxy: proxy.url('me:secret') } });
    expect(await open.client.probe('daily.cvd')).toHaveLength(522);
    expect(await open.client.probe('daily.cvd')).toHaveLength(522);
    const lines = proxy.seen.map(({ line }) => line);
    expect(lines[0]).toBe('GET http://mirror.test/daily.cvd');
    expect(new Set(lines.slice(1))).toEqual(new Set(['CONNECT mirror.test:80']));
    expect(upstream.requests).toHaveLength(2);
  },
);

test('only the settings decide: the environment of the process does not', async () => {
  vi.stubEnv('HTTP_PROXY', NOBODY);
  vi.stubEnv('http_proxy', NOBODY);
  await using upstream = await startUpstream(FILES);
  await using open = openClient(upstream.url);
  expect(await open.client.probe('daily.cvd')).toHaveLength(522);
});
