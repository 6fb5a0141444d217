import { stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ask, cvd, pattern, STIME, serve } from './support.ts';

const SIZE = 4000;
const content = pattern(SIZE);

test.each<[range: string, first: number, last: number]>([
  ['bytes=0-511', 0, 511],
  ['bytes=0-521', 0, 521],
  ['bytes=0-0', 0, 0],
  ['bytes=3999-3999', 3999, 3999],
  ['bytes=1000-', 1000, 3999],
  ['bytes=0-', 0, 3999],
  ['bytes=-16', 3984, 3999],
  ['bytes=-1', 3999, 3999],
  ['bytes=-4000', 0, 3999],
  ['bytes=-4001', 0, 3999],
  ['bytes=-99999999999999999999999999', 0, 3999],
  ['bytes=3990-99999999999999999999999999', 3990, 3999],
  ['bytes= 0-511', 0, 511],
  ['bytes=0-9,10-19', 0, 19],
])('Range %s is bytes %i to %i', async (range, first, last) => {
  await using served = await serve({ 'daily-2.cdiff': content });
  const { status, headers, body } = await ask(served.host, '/daily-2.cdiff', { headers: { range } });
  expect(status).toBe(206);
  expect(headers['content-range']).toBe(`bytes ${first}-${last}/${SIZE}`);
  expect(headers['content-length']).toBe(String(last - first + 1));
  expect(body.equals(content.subarray(first, last + 1))).toBe(true);
  expect(served.lines[0]).toMatchObject({ bytes: last - first + 1, range });
});

test.each([
  'bytes=5-2',
  'bytes=4000-',
  'bytes=4000-5000',
  'bytes=999999999-',
  'bytes=99999999999999999999999999-',
  'bytes=-0',
])('Range %s cannot be satisfied', async (range) => {
  await using served = await serve({ 'daily-2.cdiff': content });
  const { status, headers, body } = await ask(served.host, '/daily-2.cdiff', { headers: { range } });
  expect(status).toBe(416);
  expect(headers['content-range']).toBe(`bytes */${SIZE}`);
  expect(headers['cache-control']).toBe('no-store');
  expect(body.length).toBe(Number(headers['content-length']));
});

test.each([
  'bytes=0-0,5-6',
  'bytes=',
  'bytes=-',
  'bytes=a-b',
  'bytes=0x0-0x9',
  'bytes=0-511garbage',
  'bytes=--1',
  'bytes 0-511',
  'items=0-511',
  '0-511',
  'garbage',
  '',
])('Range %j is ignored', async (range) => {
  await using served = await serve({ 'daily-2.cdiff': content });
  const { status, headers, body } = await ask(served.host, '/daily-2.cdiff', { headers: { range } });
  expect(status).toBe(200);
  expect(headers['content-range']).toBeUndefined();
  expect(body.equals(content)).toBe(true);
});

test.each(['bytes=0-511', 'bytes=0-', 'bytes=-16'])('Range %s of an empty file', async (range) => {
  await using served = await serve({ 'daily-2.cdiff': '' });
  const { status, headers } = await ask(served.host, '/daily-2.cdiff', { headers: { range } });
  expect(status).toBe(416);
  expect(headers['content-range']).toBe('bytes */0');
});

test('a range of a missing file is 404', async () => {
  await using served = await serve();
  const { status } = await ask(served.host, '/daily.cvd', { headers: { range: 'bytes=0-511' } });
  expect(status).toBe(404);
});

test('HEAD with a range has the headers of that range and no body', async () => {
  await using served = await serve({ 'daily-2.cdiff': content });
  const { status, headers, body } = await ask(served.host, '/daily-2.cdiff', {
    method: 'HEAD',
    headers: { range: 'bytes=-16' },
  });
  expect([status, headers['content-length'], body.length]).toEqual([206, '16', 0]);
});

const range = 'bytes=0-511';

test('If-Range with what the host said last gives the range', async () => {
  await using served = await serve({ 'daily.cvd': cvd() });
  const { headers } = await ask(served.host, '/daily.cvd');
  for (const validator of [headers.etag, headers['last-modified']]) {
    const answer = await ask(served.host, '/daily.cvd', {
      headers: { range, 'if-range': String(validator) },
    });
    expect(answer.status).toBe(206);
  }
});

test('If-Range with the ETag of a file since replaced, by one of equal size and mtime, gives the whole', async () => {
  await using served = await serve({ 'daily.cvd': cvd({ fill: 1 }) });
  const path = join(served.folder, 'daily.cvd');
  const time = new Date(STIME * 1000);
  await utimes(path, time, time);
  const { etag = '' } = (await ask(served.host, '/daily.cvd')).headers;
  const { ctimeMs } = await stat(path);
  do {
    await writeFile(path, cvd({ fill: 2 }));
    await utimes(path, time, time);
  } while ((await stat(path)).ctimeMs === ctimeMs);
  const { status, headers, body } = await ask(served.host, '/daily.cvd', {
    headers: { range, 'if-range': etag },
  });
  expect(status).toBe(200);
  expect(headers.etag).not.toBe(etag);
  expect(body.equals(cvd({ fill: 2 }))).toBe(true);
});

test.each([
  ['older', -60],
  ['newer, as after a rollback', 60],
])('If-Range with a date that is %s gives the whole', async (_, offset) => {
  await using served = await serve({ 'daily.cvd': cvd() });
  const date = new Date((STIME + offset) * 1000).toUTCString();
  const { status } = await ask(served.host, '/daily.cvd', { headers: { range, 'if-range': date } });
  expect(status).toBe(200);
});

test('If-Range that is neither, or has nothing to compare with, gives the whole', async () => {
  await using served = await serve({ 'daily.cvd': cvd(), 'broken.cvd': 'no header' });
  const garbage = await ask(served.host, '/daily.cvd', { headers: { range, 'if-range': 'garbage' } });
  const undated = await ask(served.host, '/broken.cvd', {
    headers: { range: 'bytes=0-1', 'if-range': new Date().toUTCString() },
  });
  expect([garbage.status, undated.status]).toEqual([200, 200]);
});
