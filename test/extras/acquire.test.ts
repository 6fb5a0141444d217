import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { acquireExtras } from '../../scripts/extras/acquire.ts';
import { contextIn, feed, folder, source } from './support.ts';

const RULE = 'Own.Test:0:*:6f776e\n';
const SHA256 = createHash('sha256').update(RULE).digest('hex');

test('what a URL gives is new, and kept once it is published', async () => {
  const work = await folder();
  const { url } = await feed((_, response) => response.end(RULE));
  const wanted = [source('own.ndb', `${url}/own.ndb`)];
  const [first] = await acquireExtras(wanted, contextIn(work));
  expect(first).toMatchObject({ name: 'own.ndb', outcome: 'new', size: RULE.length, sha256: SHA256 });
  expect(await readFile(first?.path ?? '', 'utf8')).toBe(RULE);
  const published = { 'own.ndb': { size: RULE.length, sha256: SHA256 } };
  expect(await acquireExtras(wanted, contextIn(work, { published }))).toMatchObject([{ outcome: 'kept' }]);
});

test('a file, and a folder that holds one of that name, are sources too', async () => {
  const work = await folder();
  const own = join(work, 'own');
  await mkdir(own);
  await writeFile(join(own, 'own.ndb'), RULE);
  const wanted = [source('own.ndb', own), source('other.ndb', join(own, 'own.ndb'))];
  const acquired = await acquireExtras(wanted, contextIn(work));
  expect(acquired).toMatchObject([{ outcome: 'new' }, { outcome: 'new', sha256: SHA256 }]);
});

test('a file that cannot be read holds up no other', async () => {
  const own = join(await folder(), 'own.ndb');
  await writeFile(own, RULE);
  const wanted = [
    source('a.ndb', join(own, 'below.ndb')),
    source('b.ndb', own),
    source('c.ndb', `${own}.not`),
  ];
  expect(await acquireExtras(wanted, contextIn(await folder()))).toMatchObject([
    { outcome: 'failed', code: 'extra/unreachable' },
    { outcome: 'new' },
    { outcome: 'failed', code: 'extra/gone' },
  ]);
});

test.each([
  [403, 'extra/denied'],
  [404, 'extra/gone'],
  [410, 'extra/gone'],
  [429, 'extra/limited'],
  [503, 'extra/unavailable'],
  [418, 'extra/status'],
])('an answer of %i is a failure: %s', async (status, code) => {
  const { url } = await feed((_, response) => response.writeHead(status).end());
  const acquired = await acquireExtras([source('own.ndb', url)], contextIn(await folder()));
  expect(acquired).toMatchObject([{ outcome: 'failed', code }]);
});

test('more than the limit is refused, with a length and without one', async () => {
  const { url } = await feed(({ url }, response) => {
    if (url === '/told') response.setHeader('content-length', 1001);
    response.end(Buffer.alloc(1001, 'a'));
  });
  for (const path of ['told', 'untold'])
    expect(
      await acquireExtras([source('own.ndb', `${url}/${path}`)], contextIn(await folder())),
    ).toMatchObject([{ outcome: 'refused', code: 'extra/too-large' }]);
});

test('a user and password are sent to the source alone, and told to nobody', async () => {
  const second = await feed((_, response) => response.end(RULE));
  const first = await feed((_, response) =>
    response.writeHead(302, { location: `${second.url}/own.ndb` }).end(),
  );
  const secret = first.url.replace('http://', 'http://me:secret@');
  const acquired = await acquireExtras(
    [source('own.ndb', `${secret}/token/own.ndb?key=token`)],
    contextIn(await folder()),
  );
  expect(acquired).toMatchObject([{ outcome: 'new' }]);
  expect(JSON.stringify(acquired)).not.toMatch(/secret|token/);
  expect(first.asked[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:secret').toString('base64')}`);
  expect(second.asked[0]?.headers.authorization).toBeUndefined();
});

test('an error page that repeats the address tells no token', async () => {
  const { url } = await feed(({ url }, response) =>
    response.writeHead(403).end(`<title>you may not get ${url}</title>`),
  );
  const wanted = [source('own.ndb', `${url}/get/0123456789abcdef/own.ndb?key=fedcba9876543210`)];
  const acquired = await acquireExtras(wanted, contextIn(await folder()));
  expect(acquired).toMatchObject([
    { code: 'extra/denied', reason: expect.stringContaining('you may not get') },
  ]);
  expect(JSON.stringify(acquired)).not.toMatch(/0123456789|fedcba/);
});
