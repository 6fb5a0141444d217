import { expect, test } from 'vitest';
import { EXTRA_HOSTS, EXTRAS_MS } from '../../scripts/base/limits/extras.ts';
import { acquireExtras } from '../../scripts/extras/acquire.ts';
import { BEGIN, contextIn, feed, folder, RULE, source } from './support.ts';

const INCOMPLETE = [{ outcome: 'failed', code: 'extra/incomplete' }];

test('a source that stalls within a file, or before it answers, is given up', async () => {
  const patience = { idle: 50, total: 60_000 };
  for (const begins of [true, false]) {
    const { url } = await feed((_, response) => {
      if (begins) response.write(RULE);
    });
    expect(
      await acquireExtras([source('own.ndb', url)], contextIn(await folder(), { patience })),
    ).toMatchObject(INCOMPLETE);
  }
});

test('a source that trickles for ever is given up', async () => {
  const patience = { idle: 60_000, total: 200 };
  const { url } = await feed((_, response) => {
    const timer = setInterval(() => response.write('#'), 10);
    response.on('close', () => clearInterval(timer));
  });
  expect(
    await acquireExtras([source('own.ndb', url)], contextIn(await folder(), { patience })),
  ).toMatchObject(INCOMPLETE);
});

test.each([
  ['broken off', undefined],
  ['shorter than its length', 1000],
])('a file that is %s is not taken', async (_, length) => {
  const { url } = await feed((_, response) => {
    if (length !== undefined) response.setHeader('content-length', length);
    response.write(RULE, () => response.destroy());
  });
  expect(await acquireExtras([source('own.ndb', url)], contextIn(await folder()))).toMatchObject(INCOMPLETE);
});

test('of many hosts some are asked at the same time, and of one host one file', async () => {
  let [now, most] = [0, 0];
  const open = Promise.withResolvers<void>();
  const feeds = await Promise.all(
    Array.from({ length: EXTRA_HOSTS + 1 }, () =>
      feed(async (_, response) => {
        most = Math.max(most, ++now);
        if (now === EXTRA_HOSTS) open.resolve();
        await open.promise;
        now -= 1;
        response.end(RULE);
      }),
    ),
  );
  const wanted = feeds.flatMap(({ url }, at) => [
    source(`a${at}.ndb`, `${url}/a.ndb`),
    source(`b${at}.ndb`, `${url}/b.ndb`),
  ]);
  const acquired = await acquireExtras(wanted, contextIn(await folder()));
  expect(acquired.map(({ outcome }) => outcome)).toEqual(wanted.map(() => 'new'));
  expect(most).toBe(EXTRA_HOSTS);
});

test('once the time of a cycle is over the others are not asked, and come first in the next', async () => {
  let passed = 0;
  const { url, asked } = await feed((_, response) => {
    passed += EXTRAS_MS + 1;
    response.end(RULE);
  });
  const now = () => new Date(BEGIN + passed);
  const wanted = ['a.ndb', 'b.ndb'].map((name) => source(name, `${url}/${name}`, { interval: 0 }));
  const work = await folder();
  expect(await acquireExtras(wanted, contextIn(work, { now }))).toMatchObject([
    { outcome: 'new' },
    { outcome: 'failed', code: 'extra/unasked' },
  ]);
  await acquireExtras(wanted, contextIn(work, { now }));
  expect(asked.map(({ url }) => url)).toEqual(['/a.ndb', '/b.ndb']);
});
