import { afterEach, describe, expect, test, vi } from 'vitest';
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
  await using upstream = await startUpstream(FILES);
  await using open = openClient(upstream.url, { proxies: { httpProxy: NOBODY } });
  await expect(open.client.probe('daily.cvd')).rejects.toMatchObject({ code: 'upstream/unreachable' });
  expect(upstream.requests).toEqual([]);
});

describe('NO_PROXY', () => {
  const direct = ['127.0.0.1', 'example.org, 127.0.0.1', '*'];
  test.each(direct)('"%s" leads past the proxy', async (noProxy) => {
    await using upstream = await startUpstream(FILES);
    await using proxy = await startProxy(portOf(upstream));
    await using open = openClient(upstream.url, { proxies: { httpProxy: proxy.url(), noProxy } });
    await open.client.probe('daily.cvd');
    expect(proxy.seen).toEqual([]);
  });

  test('for other hosts leads through it', async () => {
    await using upstream = await startUpstream(FILES);
    await using proxy = await startProxy(portOf(upstream));
    const proxies = { httpProxy: proxy.url(), noProxy: 'example.org,127.0.0.2' };
    await using open = openClient(upstream.url, { proxies });
    await open.client.probe('daily.cvd');
    expect(proxy.seen).toHaveLength(1);
  });
});

test('only the settings decide: the environment of the process does not', async () => {
  vi.stubEnv('HTTP_PROXY', NOBODY);
  vi.stubEnv('http_proxy', NOBODY);
  await using upstream = await startUpstream(FILES);
  await using open = openClient(upstream.url);
  expect(await open.client.probe('daily.cvd')).toHaveLength(522);
});
