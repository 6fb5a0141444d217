import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { acquireExtras } from '../../scripts/extras/acquire.ts';
import { extrasFrom } from '../../scripts/settings/extras/extras.ts';
import { contextIn, feed, RULE } from '../extras/support.ts';
import { finding, temporaryFolder } from './support.ts';

const at = () => {
  const folder = temporaryFolder();
  return { folder, flags: { store: join(folder, 'mirror'), work: join(folder, 'work') } };
};

test('a file that is an extra is read, and is a fault where it is not there', async () => {
  const { folder, flags } = at();
  const own = join(folder, 'own.ndb');
  const extras = async () => await finding('extras', { flags: { ...flags, extra: `own.ndb=${own}` } });
  expect(await extras()).toMatchObject({ ok: false, found: expect.stringContaining('own.ndb') });
  await writeFile(own, RULE);
  expect(await extras()).toMatchObject({
    ok: true,
    found: '1 extra, of which cycles have asked for none yet',
  });
});

test('a source is not asked: what the last cycle found is told, and never the whole address', async () => {
  const { folder, flags } = at();
  const { url, asked } = await feed((_, response) => response.writeHead(403).end());
  const extra = `own.ndb=${url}/token/own.ndb`;
  const machine = { flags: { ...flags, extra } };
  expect(await finding('extras', machine)).toMatchObject({ ok: true });
  expect(asked).toHaveLength(0);
  await acquireExtras(extrasFrom({ flags: { extra }, environment: {} }), {
    ...contextIn(join(folder, 'work')),
    now: () => new Date(),
  });
  const seen = await finding('extras', machine);
  expect(seen).toMatchObject({ ok: false, found: expect.stringContaining('extra/denied') });
  expect(JSON.stringify(seen)).not.toContain('token');
  expect(asked).toHaveLength(1);
});

test('a file of keys that holds none is a fault', async () => {
  const { folder, flags } = at();
  await writeFile(join(folder, 'own.ndb'), RULE);
  await writeFile(join(folder, 'keys.asc'), 'no keys');
  const list = join(folder, 'extras.json');
  await writeFile(list, JSON.stringify({ extras: [{ name: 'own.ndb', url: 'own.ndb', gpg: 'keys.asc' }] }));
  expect(await finding('extras', { flags: { ...flags, extras: list } })).toMatchObject({
    ok: false,
    found: expect.stringContaining('keys.asc'),
  });
});
