import { rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ask, cvd, STIME, serve } from './support.ts';

const date = (seconds: number): string => new Date(seconds * 1000).toUTCString();

test.each([
  ['long before', 0],
  ['long after', STIME + 1_000_000],
])('the Last-Modified of a CVD is its stime, though its mtime lies %s', async (_, mtime) => {
  await using served = await serve({ 'daily.cvd': cvd(), 'archive/daily-1.cvd': cvd() });
  for (const name of ['daily.cvd', 'archive/daily-1.cvd']) {
    await utimes(join(served.folder, name), mtime, mtime);
    expect((await ask(served.host, `/${name}`)).headers['last-modified']).toBe(date(STIME));
  }
});

test.each([
  ['empty', Buffer.alloc(0)],
  ['shorter than a header', cvd().subarray(0, 511)],
  ['an HTML page', Buffer.from('<!doctype html>'.padEnd(600))],
  ['a header of another form', Buffer.from(cvd().toString('latin1').replace('ClamAV-VDB', 'ClamAV-XDB'))],
  ['a header with two build times', Buffer.from(cvd().toString('latin1').replace('2021', '2020'))],
])('a CVD that is %s has no Last-Modified, and is never 304 by date', async (_, content) => {
  await using served = await serve({ 'daily.cvd': content });
  const { status, headers } = await ask(served.host, '/daily.cvd', {
    headers: { 'if-modified-since': date(STIME + 1_000_000_000) },
  });
  expect(status).toBe(200);
  expect(headers['last-modified']).toBeUndefined();
});

test('the Last-Modified of any other file is its mtime', async () => {
  await using served = await serve({ 'manifest.json': '{}' });
  await utimes(join(served.folder, 'manifest.json'), STIME, STIME);
  expect((await ask(served.host, '/manifest.json')).headers['last-modified']).toBe(date(STIME));
});

describe('If-Modified-Since, with a CVD published today', () => {
  test.each<[what: string, value: string, status: number]>([
    ['the stime of an older version', date(STIME - 1), 200],
    ['the epoch', date(0), 200],
    ['the stime', date(STIME), 304],
    ['the stime of a newer version', date(STIME + 86_400), 200],
    ['the time of a download just now', new Date().toUTCString(), 200],
    ['garbage', 'garbage', 200],
    ['nothing', '', 200],
  ])('%s (%s) gives %i', async (_, value, status) => {
    await using served = await serve({ 'daily.cvd': cvd() });
    for (const range of [{}, { range: 'bytes=0-511' }]) {
      const answer = await ask(served.host, '/daily.cvd', {
        headers: { 'if-modified-since': value, ...range },
      });
      expect(answer.status).toBe(status === 200 && 'range' in range ? 206 : status);
    }
  });
});

test.each<[what: string, since: number, modified: string | undefined]>([
  ['before the build time', STIME - 1, date(STIME)],
  ['the build time', STIME, date(STIME)],
  ['after the build time', STIME + 1, undefined],
])(
  'a Last-Modified by which libcurl drops a file is not sent to a client that names a date %s',
  async (_, since, modified) => {
    await using served = await serve({ 'daily.cvd': cvd() });
    const asked = { 'if-modified-since': date(since) };
    const { headers } = await ask(served.host, '/daily.cvd', { headers: asked });
    expect(headers['last-modified']).toBe(modified);
    expect((await ask(served.host, '/daily.cvd')).headers['last-modified']).toBe(date(STIME));
  },
);

describe('an extra, whose clients send the time of their own download', () => {
  test.each<[when: string, since: number, status: number]>([
    ['before its publication', STIME - 1, 200],
    ['in the second of its publication', STIME, 200],
    ['before it, by a clock that is half an hour ahead', STIME + 1_700, 200],
    ['more than an hour after it', STIME + 3_601, 304],
  ])(
    'is sent again, with no date that makes libcurl drop it, unless that is long after: %s',
    async (_, since, status) => {
      await using served = await serve({ 'local.ign2': 'One\n' });
      await utimes(join(served.folder, 'local.ign2'), STIME, STIME);
      const asked = { 'if-modified-since': date(since) };
      const { headers, ...answer } = await ask(served.host, '/local.ign2', { headers: asked });
      const dated = status === 304 || since < STIME;
      expect([answer.status, headers['last-modified']]).toEqual([status, dated ? date(STIME) : undefined]);
    },
  );
});

test('304 has the validators and the cache rule, and no body', async () => {
  await using served = await serve({ 'daily.cvd': cvd() });
  const full = await ask(served.host, '/daily.cvd');
  const { status, headers, body } = await ask(served.host, '/daily.cvd', {
    headers: { 'if-none-match': String(full.headers.etag) },
  });
  expect(status).toBe(304);
  expect(body.length).toBe(0);
  expect(headers['content-length']).toBeUndefined();
  for (const name of ['etag', 'last-modified', 'cache-control'] as const) {
    expect(headers[name]).toBe(full.headers[name]);
  }
});

test.each<[headers: Record<string, string>, status: number]>([
  [{ 'if-none-match': '"other"' }, 200],
  [{ 'if-none-match': '"other"', 'if-modified-since': date(STIME) }, 200],
  [{ 'if-none-match': '*' }, 304],
  [{ 'if-match': '"other"' }, 412],
  [{ 'if-match': '*' }, 200],
  [{ 'if-unmodified-since': date(STIME - 60) }, 412],
  [{ 'if-unmodified-since': date(STIME) }, 200],
])('%o gives %i', async (headers, status) => {
  await using served = await serve({ 'daily.cvd': cvd() });
  expect((await ask(served.host, '/daily.cvd', { headers })).status).toBe(status);
});

test('a version published within the same second as the one before is seen at once', async () => {
  await using served = await serve({ 'daily.cvd': cvd() });
  const next = join(served.folder, '.next');
  await writeFile(next, cvd({ stime: STIME + 60 }));
  await rename(next, join(served.folder, 'daily.cvd'));
  const { status, headers } = await ask(served.host, '/daily.cvd', {
    headers: { 'if-modified-since': date(STIME) },
  });
  expect(status).toBe(200);
  expect(headers['last-modified']).toBe(date(STIME + 60));
});
