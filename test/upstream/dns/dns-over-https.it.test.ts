import type { IncomingMessage, ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { decode, encode } from 'dns-packet';
import { expect, onTestFinished, test, vi } from 'vitest';
import { DNS_MESSAGE_BYTES } from '../../../scripts/base/limits/upstream.ts';
import { replyTo } from '../../../scripts/proof/clients/dns-answer.ts';
import { lookUpProxied } from '../../../scripts/upstream/look-up.ts';
import { OFFICIAL_RECORD } from '../../../scripts/upstream/official.ts';
import { describeWithOpenssl } from '../../support/sign/openssl.ts';
import { describeWithDnsmasq, startNameserver } from '../../support/web/dns.ts';
import { type HttpsHost, startHttpsHost } from '../../support/web/https.ts';
import { startProxy } from '../proxy/proxy.ts';
import { NO_PROXIES } from '../support.ts';

const NOW = new Date('2026-06-17T16:00:00Z');
const TYPE = 'application/dns-message';
/** A record of a daily of this version. */
const record = (daily: number, age = 0) => `1.0.9:63:${daily}:${NOW.getTime() / 1000 - age}:1:90:49192:339`;

interface Asked {
  readonly method: string | undefined;
  readonly type: string | undefined;
  readonly name: string | undefined;
}

/** A resolver that knows the official record, or answers as it is told. */
async function startResolver(
  text = record(28034),
  misbehave?: (response: ServerResponse, good: Buffer) => void,
): Promise<HttpsHost & { readonly asked: readonly Asked[] }> {
  const asked: Asked[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const query = await buffer(request);
    const [question] = decode(query).questions ?? [];
    asked.push({ method: request.method, type: request.headers['content-type'], name: question?.name });
    const good = replyTo(query, new Map([[OFFICIAL_RECORD, text]]), () => {}) ?? Buffer.alloc(0);
    if (misbehave !== undefined) return misbehave(response, good);
    response.writeHead(200, { 'content-type': TYPE }).end(good);
  };
  const host = await startHttpsHost((request, response) => void answer(request, response));
  return Object.assign(host, { asked });
}

/** The version of daily, or the error's code. */
const daily = async (nameservers: readonly string[], proxies = {}, name = OFFICIAL_RECORD) =>
  await lookUpProxied({ record: name, nameservers, proxies: { ...NO_PROXIES, ...proxies } }, NOW).then(
    ({ versions }) => versions.get('daily'),
    (error) => error.code,
  );

describeWithOpenssl('a resolver over HTTPS', () => {
  test('is asked once, as RFC 8484 has it', async () => {
    await using resolver = await startResolver();
    expect(await daily([`${resolver.url}/dns-query`])).toBe(28034);
    expect(resolver.asked).toEqual([{ method: 'POST', type: TYPE, name: OFFICIAL_RECORD }]);
  });

  test('is asked through the proxy', async () => {
    await using resolver = await startResolver();
    await using proxy = await startProxy(Number(new URL(resolver.url).port));
    expect(await daily(['https://host.test/dns-query'], { httpsProxy: proxy.url() })).toBe(28034);
    expect(proxy.seen).toMatchObject([{ line: expect.stringContaining('CONNECT') }]);
  });

  const wrong: Record<string, (response: ServerResponse, good: Buffer) => void> = {
    'a status that is no success': (response, good) =>
      response.writeHead(403, { 'content-type': TYPE }).end(good),
    'another kind of file': (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
    'a redirect': (response) => response.writeHead(307, { location: '/elsewhere' }).end(),
    'no message': (response) => response.writeHead(200, { 'content-type': TYPE }).end('not one'),
    'cut off': (response, good) =>
      response.writeHead(200, { 'content-type': TYPE }).end(good.subarray(0, 20)),
    'too long': (response, good) =>
      response
        .writeHead(200, { 'content-type': TYPE })
        .end(Buffer.concat([good, Buffer.alloc(DNS_MESSAGE_BYTES)])),
    'an error': (response) =>
      response.writeHead(200, { 'content-type': TYPE }).end(encode({ type: 'response', flags: 2 })),
    'hung up on': (response) => response.destroy(),
  };
  test.each(Object.entries(wrong))('is no answer if it is %s', async (_, misbehave) => {
    await using resolver = await startResolver(record(28034), misbehave);
    expect(await daily([resolver.url])).toBe('upstream/dns');
  });

  test('a name without a record is an error, and so are texts of another kind', async () => {
    await using resolver = await startResolver('v=spf1 -all');
    expect(await daily([resolver.url], {}, 'no-such-name.test')).toBe('upstream/dns');
    expect(await daily([resolver.url])).toBe('upstream/record');
  });

  test('one that does not answer is given up after three seconds', async () => {
    const late = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => AbortSignal.abort());
    onTestFinished(() => void late.mockRestore());
    await using resolver = await startResolver(record(28034), () => {});
    expect(await daily([resolver.url])).toBe('upstream/dns');
    expect(late.mock.calls).toEqual([[3000]]);
  });

  describeWithDnsmasq('beside nameservers', () => {
    test('cl#664: the newest answer counts, whoever gives it', async () => {
      const texts = (text: string) => ({ [OFFICIAL_RECORD]: [text] });
      await using behind = await startNameserver(texts(record(28000, 7 * 24 * 3600)));
      await using fresh = await startNameserver(texts(record(28035)));
      await using older = await startResolver(record(28034, 3600));
      expect(await daily([behind.address, older.url])).toBe(28034);
      expect(await daily([older.url, fresh.address, behind.address])).toBe(28035);
    });
  });
});
