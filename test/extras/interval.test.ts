import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { acquireExtras } from '../../scripts/extras/acquire.ts';
import type { AcquiredExtra } from '../../scripts/extras/extra.ts';
import { EXTRA_MEMORY } from '../../scripts/extras/memory.ts';
import { BEGIN, contextIn, feed, folder, RULE, recordOf, source } from './support.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

type Answer = (times: number) => { status: number; headers?: Record<string, string>; body?: string };

/** A mirror with one extra, whose runs publish what is new, and the requests that its source got. */
async function mirrorOf(answer: Answer, url = '/own.ndb') {
  const work = await folder();
  const { url: host, asked } = await feed((_, response) => {
    const { status, headers = {}, body } = answer(asked.length);
    response.writeHead(status, headers).end(body);
  });
  const published: Record<string, { size: number; sha256: string }> = {};
  const run = async (minutes: number, change: { retry?: boolean } = {}): Promise<AcquiredExtra> => {
    const now = () => new Date(BEGIN + minutes * MINUTE);
    const [found] = await acquireExtras(
      [source('own.ndb', `${host}${url}`)],
      contextIn(work, { now, published, ...change }),
    );
    if (found?.outcome === 'new' && found.path !== undefined)
      published['own.ndb'] = recordOf(await readFile(found.path));
    return found as AcquiredExtra;
  };
  return { run, asked, work, published };
}

const WITH_ETAG = {
  status: 200,
  headers: { etag: '"one"', 'last-modified': 'Mon, 01 Jun 2026 11:00:00 GMT' },
  body: RULE,
};

test('with an interval of an hour and a run every ten minutes, one conditional request is made an hour', async () => {
  const { run, asked } = await mirrorOf((times) => (times === 1 ? WITH_ETAG : { status: 304 }));
  const outcomes = [];
  for (let minutes = 0; minutes < 180; minutes += 10) outcomes.push((await run(minutes)).outcome);
  expect(asked.map(({ headers }) => [headers['if-none-match'], headers['if-modified-since']])).toEqual([
    [undefined, undefined],
    ['"one"', 'Mon, 01 Jun 2026 11:00:00 GMT'],
    ['"one"', 'Mon, 01 Jun 2026 11:00:00 GMT'],
  ]);
  expect(outcomes).toEqual(['new', ...Array(17).fill('kept')]);
});

test('what was not published is new again without a request, and asked for anew where it is lost', async () => {
  const { run, asked, published, work } = await mirrorOf(() => WITH_ETAG);
  const first = await run(0);
  delete published['own.ndb']; // the publication failed
  expect(await run(10)).toMatchObject({ outcome: 'new', sha256: first.sha256 });
  expect(asked).toHaveLength(1);
  delete published['own.ndb'];
  await writeFile(join(work, 'extras', 'own.ndb'), 'changed');
  expect(await run(20)).toMatchObject({ outcome: 'failed', code: 'extra/unasked' });
  expect(await run(60)).toMatchObject({ outcome: 'new', sha256: first.sha256 });
  expect(asked[1]?.headers['if-none-match']).toBeUndefined();
});

test('a source that fails is told in each run, and asked after pauses that grow to a day', async () => {
  const { run, asked } = await mirrorOf((times) => (times === 1 ? WITH_ETAG : { status: 404 }));
  await run(0);
  const at: number[] = [];
  for (let minutes = 60; minutes < 60 + 4 * 24 * 60; minutes += 10) {
    const before = asked.length;
    expect(await run(minutes)).toMatchObject({
      outcome: 'failed',
      code: 'extra/gone',
      since: new Date(BEGIN + HOUR).toISOString(),
    });
    if (asked.length > before) at.push(minutes - 60);
  }
  const pauses = at.slice(1).map((minutes, index) => minutes - (at[index] ?? 0));
  expect(pauses.slice(0, 9)).toEqual([10, 20, 40, 80, 160, 320, 640, 1280, 1440]);
});

test('a source that gives it again is well, with its validators as they were', async () => {
  const { run, asked } = await mirrorOf((times) =>
    times === 1 ? WITH_ETAG : { status: times === 2 ? 503 : 304 },
  );
  await run(0);
  expect(await run(60)).toMatchObject({ outcome: 'failed', code: 'extra/unavailable' });
  expect(await run(70)).toMatchObject({ outcome: 'kept' });
  expect(asked[2]?.headers['if-none-match']).toBe('"one"');
});

test.each([
  [403, {}, 4 * HOUR],
  [429, {}, HOUR],
  [429, { 'retry-after': '7200' }, 2 * HOUR],
  [429, { 'retry-after': '9999999' }, DAY],
  [503, { 'retry-after': 'Mon, 01 Jun 2026 15:00:00 GMT' }, 3 * HOUR],
])('after %i with %j nothing is asked for %i ms, but on request', async (status, headers, pause) => {
  const { run, asked } = await mirrorOf(() => ({ status, headers }));
  await run(0);
  await run(pause / MINUTE - 1);
  expect(asked).toHaveLength(1);
  await run(pause / MINUTE - 1, { retry: true });
  expect(asked).toHaveLength(2);
  await run((2 * pause) / MINUTE + 4 * 24 * 60);
  expect(asked).toHaveLength(3);
});

test('a host that wants no requests is not asked for its other files, in later runs neither', async () => {
  const work = await folder();
  const { url, asked } = await feed((_, response) => response.writeHead(429).end());
  const wanted = ['a.ndb', 'b.ndb', 'c.ndb'].map((name) => source(name, `${url}/${name}`));
  const limited = ['a.ndb', 'b.ndb', 'c.ndb'].map((name) => ({
    name,
    outcome: 'failed',
    code: 'extra/limited',
  }));
  expect(await acquireExtras(wanted, contextIn(work))).toMatchObject(limited);
  const now = () => new Date(BEGIN + 30 * MINUTE);
  expect(await acquireExtras(wanted, contextIn(work, { now }))).toMatchObject(limited);
  expect(asked).toHaveLength(1);
});

test('a host that is not there is asked once in a run, and others are asked', async () => {
  const { url } = await feed((_, response) => response.end(RULE));
  const wanted = [
    source('a.ndb', 'http://127.0.0.1:1/a.ndb'),
    source('b.ndb', 'http://127.0.0.1:1/b.ndb'),
    source('c.ndb', `${url}/c.ndb`),
  ];
  expect(await acquireExtras(wanted, contextIn(await folder()))).toMatchObject([
    { outcome: 'failed', code: 'extra/unreachable' },
    { outcome: 'failed', code: 'extra/unreachable' },
    { outcome: 'new' },
  ]);
});

test('another address of an extra is asked at once, and without the validators of the first', async () => {
  const work = await folder();
  const { url, asked } = await feed((_, response) => response.writeHead(200, { etag: '"one"' }).end(RULE));
  const published = { 'own.ndb': recordOf(RULE) };
  for (const path of ['a', 'b'])
    await acquireExtras([source('own.ndb', `${url}/${path}`)], contextIn(work, { published }));
  expect(asked.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, undefined]);
});

test('what is fixed to a hash is not asked for once it is published', async () => {
  const { url, asked } = await feed((_, response) => response.end(RULE));
  const work = await folder();
  const { sha256 } = recordOf(RULE);
  const wanted = [source('own.ndb', url, { sha256 })];
  expect(await acquireExtras(wanted, contextIn(work))).toMatchObject([{ outcome: 'new' }]);
  const published = { 'own.ndb': recordOf(RULE) };
  const now = () => new Date(BEGIN + DAY);
  expect(await acquireExtras(wanted, contextIn(work, { published, now }))).toMatchObject([
    { outcome: 'kept' },
  ]);
  expect(asked).toHaveLength(1);
});

test('of a source with a list of hashes only that is asked for while its hash is the same', async () => {
  const { sha256 } = recordOf(RULE);
  const { url, asked } = await feed(({ url }, response) =>
    response.end(url === '/own.ndb' ? RULE : `${sha256}  own.ndb\n`),
  );
  const work = await folder();
  const wanted = [source('own.ndb', `${url}/own.ndb`, { sha256From: `${url}/own.ndb.sha256` })];
  await acquireExtras(wanted, contextIn(work));
  const published = { 'own.ndb': recordOf(RULE) };
  const now = () => new Date(BEGIN + HOUR);
  expect(await acquireExtras(wanted, contextIn(work, { published, now }))).toMatchObject([
    { outcome: 'kept' },
  ]);
  expect(asked.map(({ url }) => url)).toEqual(['/own.ndb.sha256', '/own.ndb', '/own.ndb.sha256']);
});

test.each([
  ['that is no JSON', '{'],
  ['that is a list', '[]'],
  ['of another form', JSON.stringify({ 'own.ndb': { of: 1 } })],
  [
    'with a code that is too long',
    JSON.stringify({
      'own.ndb': {
        of: 'a'.repeat(64),
        failure: { code: `extra/${'a'.repeat(40)}`, reason: '', since: '', until: '', times: 1 },
      },
    }),
  ],
  ['with names that are none', JSON.stringify({ '../own.ndb': { of: 'a'.repeat(64) } })],
])('a note %s is none', async (_, text) => {
  const { run, work, asked } = await mirrorOf(() => WITH_ETAG);
  await writeFile(join(work, EXTRA_MEMORY), text);
  expect(await run(0)).toMatchObject({ outcome: 'new' });
  expect(asked).toHaveLength(1);
});

test('a note from a wrong clock delays nothing', async () => {
  const { run, work, asked } = await mirrorOf((times) => (times === 1 ? { status: 404 } : WITH_ETAG));
  await run(0);
  const path = join(work, EXTRA_MEMORY);
  const note = await readFile(path, 'utf8');
  await writeFile(path, note.replaceAll('2026-', '2030-'));
  expect(await run(10)).toMatchObject({ outcome: 'new' });
  expect(asked).toHaveLength(2);
});

test('a file that is as published is no reason to write', async () => {
  const work = await folder();
  const own = join(await folder(), 'own.ndb');
  await writeFile(own, RULE);
  const wanted = [source('own.ndb', own)];
  const published = { 'own.ndb': recordOf(RULE) };
  await acquireExtras(wanted, contextIn(work));
  await writeFile(join(work, EXTRA_MEMORY), `${await readFile(join(work, EXTRA_MEMORY), 'utf8')}\n\n`);
  const before = await readFile(join(work, EXTRA_MEMORY), 'utf8');
  expect(await acquireExtras(wanted, contextIn(work, { published }))).toMatchObject([{ outcome: 'kept' }]);
  expect(await readFile(join(work, EXTRA_MEMORY), 'utf8')).toBe(before);
});
