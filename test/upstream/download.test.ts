import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { PAGE_BYTES } from '../../scripts/base/limits/upstream.ts';
import type { Patience } from '../../scripts/upstream/http-client.ts';
import { type Fault, startUpstream } from '../support/mirror/upstream.ts';
import { openClient, pattern, temporaryFolder, USER_AGENT } from './support.ts';

const CVD = pattern(300_000);
const LIMIT = 1_000_000;

/** Downloads `daily.cvd` from an upstream with these faults. */
async function download(
  faults: Fault[],
  { limit = LIMIT, ...patience }: Partial<Patience> & { limit?: number } = {},
) {
  await using upstream = await startUpstream(new Map([['daily.cvd', CVD]]));
  upstream.fail('daily.cvd', ...faults);
  await using open = openClient(upstream.url, { patience });
  await using folder = await temporaryFolder();
  const path = folder.path('incoming');
  const error = await open.client.download('daily.cvd', path, limit).then(
    () => undefined,
    (thrown) => thrown,
  );
  return {
    code: error?.code,
    cause: error?.cause?.code,
    bytes: await readFile(path),
    requests: upstream.requests,
    received: open.client.received,
    sent: upstream.sent(),
  };
}

test('a file is streamed to its place, byte for byte', async () => {
  const { bytes, requests, received } = await download([]);
  expect(bytes.equals(CVD)).toBe(true);
  expect(requests).toMatchObject([{ range: undefined, userAgent: USER_AGENT }]);
  expect(requests[0]?.headers).toMatchObject({ 'accept-encoding': 'identity' });
  expect(received).toBe(CVD.length);
});

test('a file of no bytes becomes a file of no bytes', async () => {
  await using upstream = await startUpstream(new Map([['daily-2.cdiff', Buffer.alloc(0)]]));
  await using open = openClient(upstream.url);
  await using folder = await temporaryFolder();
  await open.client.download('daily-2.cdiff', folder.path('incoming'), LIMIT);
  expect(await readFile(folder.path('incoming'))).toHaveLength(0);
});

test('what was at that place before is gone', async () => {
  await using upstream = await startUpstream(
    new Map([
      ['daily.cvd', CVD],
      ['short', Buffer.from('short')],
    ]),
  );
  await using open = openClient(upstream.url);
  await using folder = await temporaryFolder();
  await open.client.download('daily.cvd', folder.path('incoming'), LIMIT);
  await open.client.download('short', folder.path('incoming'), LIMIT);
  expect(await readFile(folder.path('incoming'), 'utf8')).toBe('short');
});

test('a file that says it is too large is refused before its body', async () => {
  const { code, bytes, requests } = await download([], { limit: CVD.length - 1 });
  expect(code).toBe('upstream/too-large');
  expect(bytes).toHaveLength(0);
  expect(requests).toHaveLength(1);
});

test('a file of exactly the limit is taken', async () => {
  const { code, bytes } = await download([], { limit: CVD.length });
  expect(code).toBeUndefined();
  expect(bytes).toHaveLength(CVD.length);
});

test('a body that does not end is cut off at the limit', async () => {
  const { code, bytes, requests } = await download([{ endless: true }]);
  expect(code).toBe('upstream/too-large');
  expect(bytes.length).toBeLessThanOrEqual(LIMIT);
  expect(requests).toHaveLength(1);
});

test('a compressed body is refused: freshclam could not read it, and its length would be another', async () => {
  const { code, bytes, requests } = await download([{ gzip: true }]);
  expect(code).toBe('upstream/encoded');
  expect(bytes).toHaveLength(0);
  expect(requests).toHaveLength(1);
});

test.each(['aws-chunked', 'identity', '', 'binary', 'UTF-8', 'aws-chunked, identity'])(
  'the Content-Encoding %j is no compression: the bytes are plain, and the signature decides',
  async (label) => {
    const { code, bytes } = await download([{ label }]);
    expect({ code, size: bytes.length }).toEqual({ code: undefined, size: CVD.length });
  },
);

test.each(['GZIP', 'x-gzip', 'aws-chunked,gzip', 'br', 'zstd'])(
  'the Content-Encoding %s is a compression',
  async (label) => {
    expect((await download([{ label }])).code).toBe('upstream/encoded');
  },
);

test('a transfer that stalls is given up after the idle time', async () => {
  const { code, cause } = await download([{ stallAfter: 0 }], { idle: 100, attempts: 1 });
  expect({ code, cause }).toEqual({ code: 'upstream/unreachable', cause: 'UND_ERR_BODY_TIMEOUT' });
});

test('an upstream that never answers is given up after the idle time', async () => {
  const { code, cause } = await download([{ stallAfter: 'head' }], { idle: 100, attempts: 1 });
  expect({ code, cause }).toEqual({ code: 'upstream/unreachable', cause: 'UND_ERR_HEADERS_TIMEOUT' });
});

test('a transfer that trickles is given up, and asked for anew', async () => {
  const { code, bytes, requests } = await download([{ trickle: 5 }], { span: 100, least: 1000 });
  expect(code).toBe('upstream/incomplete');
  expect(bytes.length).toBeGreaterThan(0);
  expect(requests).toHaveLength(3);
});

test('a redirect is followed three times, as freshclam does', async () => {
  await using upstream = await startUpstream(new Map([['real.cvd', CVD]]));
  for (const [from, to] of ['daily.cvd', 'a', 'b', 'real.cvd'].map((name, at, all) => [name, all[at + 1]])) {
    if (from !== undefined && to !== undefined) upstream.fail(from, { redirect: `/${to}` });
  }
  await using open = openClient(upstream.url);
  await using folder = await temporaryFolder();
  await open.client.download('daily.cvd', folder.path('incoming'), LIMIT);
  expect((await readFile(folder.path('incoming'))).equals(CVD)).toBe(true);

  upstream.forget();
  upstream.fail('real.cvd', { redirect: '/one-more' });
  const fourth = open.client.download('daily.cvd', folder.path('incoming'), LIMIT);
  await expect(fourth).rejects.toMatchObject({ code: 'upstream/redirect' });
  expect(upstream.asked).toEqual(['daily.cvd', 'a', 'b', 'real.cvd']);
});

test('a redirect that leads back to itself ends at once', async () => {
  const { code, requests } = await download([{ redirect: '/daily.cvd' }]);
  expect(code).toBe('upstream/redirect');
  expect(requests).toHaveLength(1);
});

test('a redirect to something other than HTTP is not followed', async () => {
  const { code, requests } = await download([{ redirect: 'file:///etc/passwd' }]);
  expect(code).toBe('upstream/redirect');
  expect(requests).toHaveLength(1);
});

test('a folder that is not there is a fault on this side, and upstream is not even asked', async () => {
  await using upstream = await startUpstream(new Map([['daily.cvd', CVD]]));
  await using open = openClient(upstream.url);
  await using folder = await temporaryFolder();
  const path = folder.path('nowhere/incoming');
  await expect(open.client.download('daily.cvd', path, LIMIT)).rejects.toMatchObject({
    code: 'file/unwritable',
    cause: { code: 'ENOENT' },
  });
  expect(upstream.requests).toEqual([]);
});

test.skipIf(!existsSync('/dev/full'))('a full disk is a fault on this side and not tried again', async () => {
  await using upstream = await startUpstream(new Map([['daily.cvd', CVD]]));
  await using open = openClient(upstream.url);
  await expect(open.client.download('daily.cvd', '/dev/full', LIMIT)).rejects.toMatchObject({
    code: 'file/full',
    message: expect.stringContaining('/dev/full'),
    cause: { code: 'ENOSPC' },
  });
  expect(upstream.requests).toHaveLength(1);
});

test('an error page without an end is not read to its end', async () => {
  const size = 1000 * PAGE_BYTES;
  const server = createServer((_, response) => response.writeHead(404).end('x'.repeat(size)));
  onTestFinished(() => void server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  await using open = openClient(`http://127.0.0.1:${port}`);
  await using folder = await temporaryFolder();
  await expect(open.client.download('daily.cvd', folder.path('incoming'), LIMIT)).rejects.toMatchObject({
    code: 'upstream/missing',
  });
  expect(open.client.received).toBeGreaterThan(PAGE_BYTES);
  expect(open.client.received).toBeLessThan(size / 10);
});

test('received bytes are those that were sent, failed attempts and error pages included', async () => {
  const cut = await download([
    { cutAfter: 1000, times: 1 },
    { status: 503, times: 1 },
  ]);
  expect(cut.bytes.equals(CVD)).toBe(true);
  expect(cut.received).toBe(cut.sent);
  expect(cut.received).toBe(CVD.length + 'status 503\n'.length);
  const missing = await download([{ status: 404 }]);
  expect(missing.received).toBe('status 404\n'.length);
});
