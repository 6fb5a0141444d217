import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { contentsOf, difference } from '../../scripts/proof/cvd-contents.ts';
import { type CvdParts, makeCld, makeCvd } from '../support/databases/signing.ts';
import { withCode } from '../support/throws.ts';

const PARTS: CvdParts = {
  database: 'test',
  version: 7,
  files: new Map([['test.ndb', Buffer.from('Some.Thing:0:*:deadbeef\n')]]),
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'contents-'));
});
afterAll(() => rm(folder, { recursive: true }));

async function contents(bytes: Uint8Array) {
  const path = join(folder, 'database');
  await writeFile(path, bytes);
  return await contentsOf(path);
}

test('a CLD holds what the CVD holds, whatever freshclam left in it', async () => {
  const left = new Map([
    ['test-7.cdiff', Buffer.from('ClamAV-Diff:7:…')],
    ['freshclam.dat', Buffer.from('?')],
  ]);
  const wanted = await contents(makeCvd(PARTS));
  expect([...wanted.keys()]).toEqual(['test.info', 'test.ndb']);
  expect(difference(wanted, await contents(makeCld(PARTS, left)))).toBeUndefined();
});

test.each([
  ['test.ndb', 'Other.Thing:0:*:deadbeef\n'],
  ['test.info', 'another'],
  ['more.ign2', 'Some.Thing\n'],
])('a CLD with another %s does not', async (name, content) => {
  const other = makeCld(PARTS, new Map([[name, Buffer.from(content)]]));
  expect(difference(await contents(makeCvd(PARTS)), await contents(other))).toBe(name);
});

test('of a container with thousands of databases nothing is kept', async () => {
  const files = new Map(Array.from({ length: 600 }, (_, at) => [`${at}.cbc`, Buffer.from('x')] as const));
  await expect(contents(makeCvd({ ...PARTS, files }))).rejects.toThrow(withCode('cvd/too-large'));
});
