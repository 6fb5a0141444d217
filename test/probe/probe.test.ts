import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { WriteStream } from 'node:tty';
import { describe, expect, test } from 'vitest';
import { print } from '../../scripts/base/log.ts';
import { checkFreshness } from '../../scripts/probe/checks/freshness.ts';
import { partOf, sizeOf, wrongPart } from '../../scripts/probe/content-range.ts';
import { Findings } from '../../scripts/probe/finding.ts';
import type { Answer } from '../../scripts/probe/http-client.ts';
import type { ProbeReport } from '../../scripts/probe/probe.ts';
import { tableOf } from '../../scripts/probe/probe-table.ts';
import type { Served } from '../../scripts/probe/target.ts';
import { parseRecord } from '../../scripts/upstream/dns.ts';
import { makeHeader } from '../support/databases/signing.ts';
import { REPOSITORY } from '../support/repository.ts';

function answer(status: number, headers: Record<string, string>, body = ''): Answer {
  return { status, body: Buffer.from(body), ended: 'whole', header: (name) => headers[name] };
}

describe('a part of a file', () => {
  test.each([
    'bytes 0-511/100',
    'bytes 9-3/100',
    'bytes */100',
    'bytes 0-5/*',
    'bytes=0-5/10',
    'bytes 0-5/99999999999999999999',
    'BYTES 0-5/10 ',
  ])('is not where %s says', (range) => {
    expect(partOf(answer(206, { 'content-range': range }))).toBeUndefined();
  });

  test('is wrong if its place, its length or its bytes are others than were asked for', () => {
    const wanted = { from: 2, to: 4, size: 10 };
    const headers = { 'content-range': 'bytes 2-4/10', 'content-length': '3' };
    expect(wrongPart(answer(206, headers, 'abc'), wanted)).toBeUndefined();
    expect(wrongPart(answer(206, headers, 'ab'), wanted)).toContain('2 bytes come');
    expect(wrongPart({ ...answer(206, headers, 'abc'), ended: 'left' }, wanted)).toContain('more than');
    expect(wrongPart(answer(206, { ...headers, 'content-length': '4' }, 'abc'), wanted)).toContain(
      'Content-Length',
    );
    expect(wrongPart(answer(206, { 'content-range': 'bytes 1-3/10' }, 'abc'), wanted)).toContain(
      'bytes 1-3/10',
    );
  });

  test('tells how long the file is, as the whole file does', () => {
    expect(sizeOf(answer(206, { 'content-range': 'bytes 2-4/10', 'content-length': '3' }))).toBe(10);
    expect(sizeOf(answer(200, { 'content-length': '10' }))).toBe(10);
    expect(sizeOf(answer(200, { 'content-length': '-1' }))).toBeUndefined();
  });
});

describe('freshness', () => {
  const now = new Date('2026-06-10T12:00:00Z');
  const record = parseRecord(`0:63:28000:${now.getTime() / 1000}:0:90:0:340`, now);
  const served = (version: number): Served => {
    const header = makeHeader('daily', version);
    return { database: 'daily', name: 'daily.cvd', header, head: Buffer.alloc(512), size: 1, ranged: true };
  };
  const verdictOf = (version: number, asked = true) =>
    checkFreshness(served(version), record, { asked, now }).map(({ verdict }) => verdict);

  test('is good at the newest version and beyond it, a warning one behind, a fault two behind', () => {
    expect([28001, 28000, 27999, 27998].map((version) => verdictOf(version))).toEqual([
      ['good'],
      ['good'],
      ['warning'],
      ['fault'],
    ]);
    expect(verdictOf(27998, false)).toEqual([]);
  });

  test('is judged by age where no record says better', () => {
    const { header } = served(1);
    const at = (days: number) => new Date((header.stime + days * 86_400) * 1000);
    const verdicts = (days: number) =>
      checkFreshness(served(1), undefined, { asked: true, now: at(days) }).map(({ verdict }) => verdict);
    expect([1, 3].map(verdicts)).toEqual([[], ['warning']]);
  });
});

describe('the table', () => {
  const report: ProbeReport = {
    url: 'http://mirror.example',
    verdict: 'failed',
    probed: '2026-06-10T12:00:00.000Z',
    databases: { daily: 28000 },
    signed: [],
    requests: 3,
    bytes: 1024,
    findings: [
      ...new Findings('daily', 'range').good('fine').fault('bad \x1b[2Jwords', 'do this').list,
      ...new Findings('mirror', 'tls').warning('soon', 'renew').list,
    ],
  };

  test('is plain text with the worst first, an advice below each, and no control characters', () => {
    const stream = new PassThrough();
    print(Object.assign(stream, { isTTY: false }) as unknown as WriteStream, tableOf(report));
    const text = String(stream.read());
    expect(text).toBe(
      [
        'daily 28000',
        '  fault    range  bad ?[2Jwords',
        '                  → do this',
        '  good     range  fine',
        '',
        'mirror',
        '  warning  tls    soon',
        '                  → renew',
        '',
        'http://mirror.example: NOT fit for clients, 1 fault, 1 warning (3 requests, 1.0 KB)',
        '',
      ].join('\n'),
    );
  });
});

describe('the settings for S3 and CloudFront', () => {
  const read = (name: string) =>
    JSON.parse(readFileSync(join(REPOSITORY, 'site/hosts/s3-cloudfront', name), 'utf8'));

  test.each(['bucket-policy.json', 'public-bucket-policy.json'])(
    '%s lets the reader list, so that missing is 404',
    (name) => {
      const statements: { Action: string; Resource: string; Effect: string }[] = read(name).Statement;
      expect(statements.map(({ Effect, Action, Resource }) => [Effect, Action, Resource])).toEqual([
        ['Allow', 's3:GetObject', 'arn:aws:s3:::BUCKET/*'],
        ['Allow', 's3:ListBucket', 'arn:aws:s3:::BUCKET'],
      ]);
    },
  );

  test('compress nothing, and keep no 404 for long', () => {
    const { DefaultCacheBehavior, CustomErrorResponses } = read('distribution.json');
    expect(DefaultCacheBehavior.Compress).toBe(false);
    const errors: { ErrorCode: number; ErrorCachingMinTTL: number }[] = CustomErrorResponses.Items;
    expect(errors.map(({ ErrorCode }) => ErrorCode)).toEqual([404, 403]);
    expect(errors.every(({ ErrorCachingMinTTL }) => ErrorCachingMinTTL <= 60)).toBe(true);
    const { MinTTL, ParametersInCacheKeyAndForwardedToOrigin: parameters } = read('cache-policy.json');
    expect([MinTTL, parameters.EnableAcceptEncodingGzip, parameters.EnableAcceptEncodingBrotli]).toEqual([
      0,
      false,
      false,
    ]);
  });
});
