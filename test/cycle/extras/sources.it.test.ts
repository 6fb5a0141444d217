import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CycleReport } from '../../../scripts/cycle/report.ts';
import { SAMPLES } from '../../extras/samples.ts';
import { feed, RULE } from '../../extras/support.ts';
import {
  describeMirror,
  faults,
  manifestOf,
  namesIn,
  offer,
  ofTest,
  startMirror,
  type TestMirror,
  versionOf,
} from '../../support/mirror/cycle.ts';
import { sampled } from '../../support/sample.ts';
import { QUICK } from './allowing.ts';

const MINUTE = 60_000;
const BEGIN = Date.parse('2026-06-01T12:00:00Z');

/** Settings that name these sources. */
async function listed(
  mirror: TestMirror,
  extras: readonly object[],
): Promise<{ flags: Record<string, string> }> {
  const path = join(mirror.folder, 'extras.json');
  await writeFile(path, JSON.stringify({ extras }));
  return { flags: { extras: path } };
}

const textOf = async (mirror: TestMirror, name: string) => await readFile(join(mirror.store, name), 'utf8');
const extrasIn = async (mirror: TestMirror) =>
  Object.keys((await manifestOf(mirror)).extras?.files ?? {}).sort();
const outcomesOf = ({ extras = {} }: CycleReport) =>
  Object.fromEntries(Object.entries(extras).map(([name, { outcome, code }]) => [name, code ?? outcome]));

describeMirror('files of each format that ClamAV loads', () => {
  const all = Object.keys(SAMPLES);
  const nameOf = (extension: string) => `own-${extension}.${extension}`;
  const strict = all.filter((extension) => SAMPLES[extension]?.isLenient !== true);
  const malformed = sampled(['hdb', 'ldb', 'yar'], strict);

  async function startWith(samples: 'good' | 'malformed', extensions: readonly string[], mirror: TestMirror) {
    const own = join(mirror.folder, 'own');
    await mkdir(own, { recursive: true });
    for (const extension of extensions)
      await writeFile(join(own, nameOf(extension)), SAMPLES[extension]?.[samples] ?? '');
    return await listed(
      mirror,
      all.map((extension) => ({ name: nameOf(extension), url: own })),
    );
  }

  test('are published beside the databases, and of those that become malformed the earlier ones stay', async () => {
    await using mirror = await startMirror();
    const first = await mirror.sync(await startWith('good', all, mirror));
    expect(outcomesOf(first)).toEqual(Object.fromEntries(all.map((one) => [nameOf(one), 'published'])));
    expect(ofTest(first)).toMatchObject({ outcome: 'published', to: 6 });
    expect(await faults(mirror.store)).toEqual([]);
    const second = await mirror.sync(await startWith('malformed', malformed, mirror));
    expect(outcomesOf(second)).toEqual(
      Object.fromEntries(
        all.map((one) => [nameOf(one), malformed.includes(one) ? 'proof/failed' : 'unchanged']),
      ),
    );
    expect(ofTest(second)).toMatchObject({ outcome: 'unchanged' });
    for (const one of all) expect(await textOf(mirror, nameOf(one)), one).toBe(SAMPLES[one]?.good);
    expect(await faults(mirror.store)).toEqual([]);
  });
});

describeMirror('sources of extras', () => {
  const answers = (response: ServerResponse, path: string, rule: string) => {
    if (path === '/denied.ndb') return response.writeHead(403).end();
    if (path === '/gone.ndb') return response.writeHead(404).end();
    if (path === '/page.ndb') return response.end('<!DOCTYPE html><html></html>');
    if (path === '/cut.ndb')
      return response.writeHead(200, { 'content-length': 1000 }).write(rule, () => response.destroy());
    return response.end(path === '/wrong.hdb' ? RULE : rule);
  };

  test('that fail are named, one by one, while the good ones and the databases go on', async () => {
    await using mirror = await startMirror(1);
    let rule = RULE;
    const { url } = await feed((request, response) => void answers(response, request.url ?? '', rule));
    const names = ['good.ndb', 'wrong.hdb', 'denied.ndb', 'gone.ndb', 'page.ndb', 'cut.ndb'];
    const hashed = { name: 'hash.ndb', url: `${url}/hash.ndb`, sha256: '0'.repeat(64) };
    const wanted = await listed(mirror, [...names.map((name) => ({ name, url: `${url}/${name}` })), hashed]);
    const expected = {
      'good.ndb': 'published',
      'wrong.hdb': 'proof/failed',
      'denied.ndb': 'extra/denied',
      'gone.ndb': 'extra/gone',
      'page.ndb': 'extra/wrong-type',
      'cut.ndb': 'extra/incomplete',
      'hash.ndb': 'extra/hash',
    };
    const first = await mirror.sync(wanted);
    expect(outcomesOf(first)).toEqual(expected);
    expect(ofTest(first)).toMatchObject({ outcome: 'published', to: 1 });
    expect(await extrasIn(mirror)).toEqual(['good.ndb']);
    offer(mirror, 6);
    rule = RULE.replace('Own', 'Other');
    const second = await mirror.sync({ ...wanted, flags: { ...wanted.flags, retry: 'true' } });
    expect(outcomesOf(second)).toEqual(expected);
    expect(ofTest(second)).toMatchObject({ outcome: 'published', to: 6 });
    expect(await textOf(mirror, 'good.ndb')).toBe(rule);
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('are not asked before the databases are published, so that none of them can delay those', async () => {
    await using mirror = await startMirror(1);
    const seen: number[] = [];
    const { url } = await feed(async (_, response) => {
      seen.push(await versionOf(mirror.store));
      response.writeHead(503).end();
    });
    const wanted = { ...QUICK, ...(await listed(mirror, [{ name: 'own.ndb', url }])) };
    await mirror.sync(wanted);
    offer(mirror, 6);
    const report = await mirror.sync({ ...wanted, flags: { ...wanted.flags, retry: 'true' } });
    expect(ofTest(report)).toMatchObject({ outcome: 'published', to: 6 });
    expect(seen).toEqual([1, 6]);
  });

  test('are asked once an hour by a mirror that runs every ten minutes, and say "unchanged"', async () => {
    await using mirror = await startMirror();
    const { url, asked } = await feed((request, response) => {
      if (request.headers['if-none-match'] === '"one"') response.writeHead(304).end();
      else response.writeHead(200, { etag: '"one"' }).end(RULE);
    });
    const wanted = await listed(mirror, [{ name: 'own.ndb', url }]);
    for (let minutes = 0; minutes <= 120; minutes += 10)
      await mirror.sync({ ...QUICK, ...wanted, now: () => new Date(BEGIN + minutes * MINUTE) });
    expect(asked.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"one"', '"one"']);
    expect(await textOf(mirror, 'own.ndb')).toBe(RULE);
  });

  test('that are gone for a week are told each day, and what is published of them stays', async () => {
    await using mirror = await startMirror();
    let isGone = false;
    const { url } = await feed((_, response) => void response.writeHead(isGone ? 404 : 200).end(RULE));
    const wanted = await listed(mirror, [{ name: 'own.ndb', url }]);
    const day = async (at: number) =>
      await mirror.sync({ ...QUICK, ...wanted, now: () => new Date(BEGIN + at * 24 * 60 * MINUTE) });
    expect(outcomesOf(await day(0))).toEqual({ 'own.ndb': 'published' });
    isGone = true;
    for (let at = 1; at <= 8; at++)
      expect(outcomesOf(await day(at)), `day ${at}`).toEqual({ 'own.ndb': 'extra/gone' });
    expect(await textOf(mirror, 'own.ndb')).toBe(RULE);
    isGone = false;
    expect(outcomesOf(await day(9))).toEqual({ 'own.ndb': 'unchanged' });
  });

  test('that settings name no more are removed', async () => {
    await using mirror = await startMirror();
    const own = join(mirror.folder, 'own.ndb');
    await writeFile(own, RULE);
    await mirror.sync({ ...QUICK, flags: { extra: `own.ndb=${own}` } });
    expect(await namesIn(mirror.store)).toContain('own.ndb');
    expect(outcomesOf(await mirror.sync(QUICK))).toEqual({ 'own.ndb': 'retired' });
    expect(await namesIn(mirror.store)).not.toContain('own.ndb');
    expect(await faults(mirror.store)).toEqual([]);
  });
});
