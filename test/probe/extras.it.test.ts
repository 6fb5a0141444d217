import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { publishExtras } from '../support/mirror/published-extras.ts';
import { type Fault, startUpstream } from '../support/mirror/upstream.ts';
import { finding, probe, publishedMirror } from './support.ts';

const LARGE = `# ${'x'.repeat(100_000)}\n`;

describeMirror('the extras of a mirror', () => {
  let mirror: TestMirror;
  beforeAll(async () => {
    mirror = await publishedMirror();
  });
  beforeEach(async () => {
    await publishExtras(mirror.store, { 'local.ign2': 'One\n', 'large.ndb': LARGE });
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  const judged = async (url: string, full = false) => finding(await probe(url, { full }), 'extras')?.verdict;

  test('are good as a cycle and the built-in host serve them', async () => {
    await using host = await startHost({ folder: mirror.store });
    expect(await judged(host.url)).toBe('good');
    await publishExtras(mirror.store, {});
    expect(await judged(host.url)).toBeUndefined();
  });

  test.each<[string, Fault]>([
    ['missing', { status: 404 }],
    ['forbidden', { status: 403 }],
    ['a page', { page: '<html>Sign in</html>' }],
    ['cut', { cutAfter: 2 }],
    ['never new', { status: 304 }],
  ])('are a fault where one is %s', async (_, fault) => {
    await using host = await startUpstream(mirror.store);
    host.fail('local.ign2', fault);
    expect(await judged(host.url)).toBe('fault');
  });

  test('are a fault where one has other bytes, which a probe of a large one finds if it reads everything', async () => {
    await using host = await startUpstream(mirror.store);
    host.set('local.ign2', Buffer.from('Two\n'));
    expect(await judged(host.url)).toBe('fault');
    host.set('local.ign2', Buffer.from('One\n'));
    host.set('large.ndb', Buffer.from(LARGE.replaceAll('x', 'y')));
    expect([await judged(host.url), await judged(host.url, true)]).toEqual(['good', 'fault']);
  });

  test('are a fault where the time of one is that of another place, by which clients take it for old', async () => {
    const path = join(mirror.store, 'local.ign2');
    await writeFile(path, 'One\n');
    await utimes(path, 1_000_000_000, 1_000_000_000);
    await using host = await startHost({ folder: mirror.store });
    expect(await judged(host.url)).toBe('fault');
  });
});
