import { describe, expect, test } from 'vitest';
import { encodeHeader, HEADER_SIZE, parseHeader, unseal } from '../../scripts/cvd/header.ts';
import { type Advertisement, advertise } from '../../scripts/upstream/advertise.ts';
import type { DnsRecord } from '../../scripts/upstream/dns.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { offered, startAcquiring, versions } from './acquire/acquiring.ts';

const CHAIN = versions(6);
const CVD = offered(CHAIN).get('test.cvd') ?? Buffer.alloc(0);
const GZIP_MAGIC = [0x1f, 0x8b, 8];

/** What is found out while upstream has version 6, and how many requests it took. */
async function ask(
  published: number | undefined,
  dns?: number,
  cvd: Uint8Array | undefined = CVD,
  known: { readonly seenLately?: boolean; readonly md5?: string } = {},
) {
  await using it = await startAcquiring(new Map([['test.cvd', cvd]]));
  const record: DnsRecord | undefined =
    dns === undefined
      ? undefined
      : { recommendedVersion: '', epoch: 0, fLevel: 90, versions: new Map([['test', dns]]) };
  const advertisement = await advertise('test', published, { ...it.parts, ...known, record });
  return { advertisement, requests: it.upstream.requests.length };
}

const news = (advertisement: Advertisement) =>
  advertisement.isNew ? advertisement.offer.header.version : undefined;

test('a new mirror is offered what upstream has', async () => {
  const { advertisement } = await ask(undefined);
  expect(news(advertisement)).toBe(6);
  expect(advertisement).toMatchObject({
    offer: { database: 'test', header: parseHeader(CVD.subarray(0, HEADER_SIZE)) },
  });
  expect(advertisement.isNew && [...advertisement.offer.gzipHeader.subarray(0, 3)]).toEqual(GZIP_MAGIC);
  expect(advertisement.isNew && advertisement.offer.gzipHeader).toHaveLength(10);
});

test.each([
  [5, 6],
  [6, undefined],
])('of version %s, published, upstream has %s to offer', async (published, offer) => {
  const { advertisement, requests } = await ask(published);
  expect(news(advertisement)).toBe(offer);
  expect(advertisement.note).toBeUndefined();
  expect(requests).toBe(1);
});

test('defect 2: an older version than the published one is no news', async () => {
  const { advertisement } = await ask(7);
  expect(news(advertisement)).toBeUndefined();
  expect(advertisement.note).toContain('older');
  expect(advertisement).toMatchObject({ seen: 6, lag: { version: 7 } });
});

describe('a DNS record', () => {
  test('that names the published version settles it without a request, if upstream was seen lately', async () => {
    const seenLately = await ask(6, 6, CVD, { seenLately: true });
    expect(seenLately).toEqual({ advertisement: { isNew: false }, requests: 0 });
    expect(await ask(6, 6)).toEqual({ advertisement: { isNew: false, seen: 6 }, requests: 1 });
  });

  test('that is behind the published version settles nothing: upstream is asked', async () => {
    const { advertisement, requests } = await ask(5, 4, CVD, { seenLately: true });
    expect(news(advertisement)).toBe(6);
    expect(requests).toBe(1);
  });

  test('that names a newer version is a reason to ask, not an answer', async () => {
    const { advertisement, requests } = await ask(5, 6);
    expect(news(advertisement)).toBe(6);
    expect(requests).toBe(1);
  });

  test('cl#667: that is ahead of the CDN does not make an older version count as the newer one', async () => {
    const behind = await ask(5, 7);
    expect(news(behind.advertisement)).toBe(6);
    expect(behind.advertisement.note).toContain('7');
    const same = await ask(6, 7);
    const lag = { version: 7, what: expect.stringContaining('7') };
    expect(same.advertisement).toEqual({ isNew: false, seen: 6, lag, note: lag.what });
  });

  test('tells a new mirror nothing that it could trust', async () => {
    expect((await ask(undefined, 6)).requests).toBe(1);
  });

  test('without this database is as good as none', async () => {
    await using it = await startAcquiring(new Map([['test.cvd', CVD]]));
    const record = { recommendedVersion: '', epoch: 0, fLevel: 90, versions: new Map([['daily', 6]]) };
    await advertise('test', 6, { ...it.parts, record });
    expect(it.upstream.requests).toHaveLength(1);
  });
});

describe('an offer is refused', () => {
  const header = parseHeader(CVD.subarray(0, HEADER_SIZE));
  const refused: Record<string, [Uint8Array, string]> = {
    'defect 1: if it is an HTML page': [Buffer.from('<html>Sorry</html>'.repeat(50)), 'upstream/spoilt'],
    'if it is empty': [Buffer.alloc(0), 'upstream/status'],
    'if it is shorter than a header': [CVD.subarray(0, 511), 'upstream/spoilt'],
    'if its header is not signed': [encodeHeader(unseal(header)), 'upstream/spoilt'],
    'if its header is signed for another MD5': [
      encodeHeader({ ...header, md5: '0'.repeat(32) }),
      'verify/signature',
    ],
  };
  test.each(Object.entries(refused))('%s', async (_, [bytes, code]) => {
    await expect(ask(5, undefined, bytes)).rejects.toMatchObject({ code });
  });

  test('if somebody else signed it', async () => {
    await using it = await startAcquiring(new Map([['test.cvd', CVD]]), { trust: TALOS });
    await expect(advertise('test', 5, { ...it.parts, record: undefined })).rejects.toMatchObject({
      code: 'verify/signature',
    });
  });
});

test('a header with the published version and another MD5 is news: only the MD5 is signed', async () => {
  const { md5 } = parseHeader(CVD.subarray(0, HEADER_SIZE));
  expect(news((await ask(6, undefined, CVD, { md5 })).advertisement)).toBeUndefined();
  expect(news((await ask(6, undefined, CVD, { md5: '0'.repeat(32) })).advertisement)).toBe(6);
});

test('a database that upstream does not have is missing', async () => {
  await using it = await startAcquiring(new Map());
  await expect(advertise('test', 5, { ...it.parts, record: undefined })).rejects.toMatchObject({
    code: 'upstream/missing',
  });
});

describe('an upstream that has a CLD in the place of a CVD', () => {
  const cld = encodeHeader(unseal(parseHeader(CVD.subarray(0, HEADER_SIZE))));
  const asking = async (files: Record<string, Uint8Array>, asksForCld: boolean) => {
    await using it = await startAcquiring(new Map(Object.entries(files)));
    const error = await advertise('test', 5, { ...it.parts, record: undefined, asksForCld }).catch((e) => e);
    return { code: error.code, asked: it.upstream.asked };
  };

  test('is named for what it is, if it may be one', async () => {
    const asked = ['test.cvd', 'test.cld'];
    expect(await asking({ 'test.cld': cld }, true)).toEqual({ code: 'upstream/cld', asked });
    expect(await asking({}, true)).toEqual({ code: 'upstream/missing', asked });
    const page = Buffer.from('<html>not found</html>');
    expect(await asking({ 'test.cld': page }, true)).toEqual({ code: 'upstream/missing', asked });
  });

  test('is not asked for one where CVDs are made', async () => {
    expect(await asking({ 'test.cld': cld }, false)).toEqual({
      code: 'upstream/missing',
      asked: ['test.cvd'],
    });
  });
});
