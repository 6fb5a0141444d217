import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { verifyCvdFile } from '../../../scripts/files/verify.ts';
import { acquireCdiffs } from '../../../scripts/upstream/acquire/cdiffs.ts';
import { acquireCvd, type Previous } from '../../../scripts/upstream/acquire/cvd.ts';
import { makeChain } from '../../support/databases/chain.ts';
import { signatureLine } from '../../support/databases/signatures.ts';
import { makeCdiff } from '../../support/databases/signing.ts';
import { type Acquiring, offered, publishedAs, startAcquiring, versions } from './acquiring.ts';

const CHAIN = versions(6);
const FILES = offered(CHAIN);
const CVD = FILES.get('test.cvd') ?? Buffer.alloc(0);
const cvdOf = (version: number) => CHAIN[version - 1]?.cvd ?? Buffer.alloc(0);

/** The published CVD of this version, as it lies outside of the stage. */
async function previousOf(it: Acquiring, cvd: Uint8Array): Promise<Previous> {
  const path = join(it.folder, 'previous.cvd');
  await writeFile(path, cvd);
  return { path, verified: await verifyCvdFile(path, it.parts.trust) };
}

/** Acquires what upstream offers, with its CDIFFs, where this version is published. */
async function acquire(it: Acquiring, from: number) {
  const offer = await it.offer();
  await acquireCdiffs('test', offer.header.version, publishedAs({ version: from }), it.parts);
  return await acquireCvd(offer, await previousOf(it, cvdOf(from)), it.parts);
}

describe('without an earlier version', () => {
  test('the CVD is downloaded, and its reason given', async () => {
    await using it = await startAcquiring(FILES);
    const { cvd, how, because } = await acquireCvd(await it.offer(), undefined, it.parts);
    expect({ how, version: cvd.header.version }).toEqual({ how: 'downloaded', version: 6 });
    expect(because).toEqual(expect.any(String));
    expect(it.stage.files.get('test.cvd')).toEqual({
      name: 'test.cvd',
      size: CVD.length,
      sha256: cvd.sha256,
      stored: false,
    });
    expect((await readFile(it.stage.path('test.cvd'))).equals(CVD)).toBe(true);
  });

  const other = offered(versions(6, 'other'), 'test').get('test.cvd') ?? CVD;
  const refused: Record<string, [Uint8Array, string]> = {
    'defect 1: by an HTML page with status 200': [Buffer.from('<html>'.repeat(200)), 'upstream/spoilt'],
    'defect 2: by an older version than the one offered': [cvdOf(5), 'upstream/mislabelled'],
    'defect 16: by another database': [other, 'upstream/mislabelled'],
    'by one of which a byte has changed': [
      CVD.map((byte, at) => (at === CVD.length - 20 ? byte ^ 1 : byte)),
      'upstream/spoilt',
    ],
    'by one with something behind it': [Buffer.concat([CVD, Buffer.from('more')]), 'upstream/spoilt'],
  };
  test.each(Object.entries(refused))(
    'nothing enters the stage if the CVD is replaced %s',
    async (_, [bytes, code]) => {
      await using it = await startAcquiring(FILES);
      const offer = await it.offer();
      it.upstream.set('test.cvd', bytes);
      await expect(acquireCvd(offer, undefined, it.parts)).rejects.toMatchObject({ code });
      expect(it.staged()).toEqual([]);
    },
  );

  test('a CVD larger than the limit is not taken', async () => {
    await using it = await startAcquiring(FILES, { limits: { cvd: CVD.length - 1 } });
    await expect(acquireCvd(await it.offer(), undefined, it.parts)).rejects.toMatchObject({
      code: 'upstream/too-large',
    });
  });
});

describe('with an earlier version', () => {
  test.each([5, 3])('%s it is rebuilt from the CDIFFs in between, and not downloaded', async (from) => {
    await using it = await startAcquiring(FILES);
    const { how, because } = await acquire(it, from);
    expect({ how, because }).toEqual({ how: 'rebuilt', because: undefined });
    expect((await readFile(it.stage.path('test.cvd'))).equals(CVD)).toBe(true);
    expect(it.upstream.sent('test.cvd')).toBe(522);
  });

  test('CDIFFs that are older than the window serve to rebuild it, but are not published', async () => {
    await using it = await startAcquiring(FILES, { window: 2 });
    expect((await acquire(it, 2)).how).toBe('rebuilt');
    expect(it.staged()).toEqual(['test-5.cdiff', 'test-6.cdiff', 'test.cvd']);
  });

  /** Why 6 cannot be rebuilt from 3: each changes what upstream has. */
  const hindrances: Record<string, (it: Acquiring) => void> = {
    'a CDIFF in between is missing': ({ upstream }) => upstream.remove('test-5.cdiff'),
    'a CDIFF in between has no bytes': ({ upstream }) => upstream.set('test-5.cdiff', Buffer.alloc(0)),
    'a CDIFF is signed but does not fit': ({ upstream }) =>
      upstream.set(
        'test-5.cdiff',
        makeCdiff(5, `OPEN test.info\nDEL 1 nonsense\nCLOSE\n${'#'.repeat(300)}\n`),
      ),
    'the CDIFFs lead to something else': ({ upstream }) => {
      const [, other] = makeChain(
        'test',
        [5, 6].map((edition) => new Map([['test.hdb', Buffer.from(signatureLine(0, 1, edition))]])),
        { from: 5 },
      );
      upstream.set('test-6.cdiff', other?.cdiff ?? Buffer.alloc(0));
    },
  };
  test.each(Object.entries(hindrances))('it is downloaded if %s', async (_, hinder) => {
    await using it = await startAcquiring(FILES);
    hinder(it);
    const { how, because } = await acquire(it, 3);
    expect({ how, because }).toEqual({ how: 'downloaded', because: expect.any(String) });
    expect((await readFile(it.stage.path('test.cvd'))).equals(CVD)).toBe(true);
  });

  test('it is downloaded if more than 90 CDIFFs lie in between', async () => {
    const chain = makeChain(
      'test',
      [1, 2].map((id) => new Map([['test.hdb', Buffer.from(signatureLine(0, id))]])),
    );
    const far = makeChain('test', [new Map([['test.hdb', Buffer.from(signatureLine(0, 9))]])], { from: 92 });
    await using it = await startAcquiring(offered(far));
    const previous = await previousOf(it, chain[0]?.cvd ?? CVD);
    expect((await acquireCvd(await it.offer(), previous, it.parts)).how).toBe('downloaded');
    expect(it.upstream.asked).toEqual(['test.cvd', 'test.cvd']);
  });

  test('the same CVD, which a run that was killed left in the store, is used as it is', async () => {
    await using it = await startAcquiring(FILES);
    const previous = await previousOf(it, CVD);
    expect((await acquireCvd(await it.offer(), previous, it.parts)).how).toBe('rebuilt');
    expect(it.upstream.sent('test.cvd')).toBe(522);
    expect((await readFile(it.stage.path('test.cvd'))).equals(CVD)).toBe(true);
  });

  test('another CVD of the same version is not', async () => {
    const [twin] = makeChain('test', [new Map([['test.hdb', Buffer.from(signatureLine(0, 9))]])], {
      from: 6,
    });
    await using it = await startAcquiring(FILES);
    const previous = await previousOf(it, twin?.cvd ?? CVD);
    expect((await acquireCvd(await it.offer(), previous, it.parts)).how).toBe('downloaded');
    expect((await readFile(it.stage.path('test.cvd'))).equals(CVD)).toBe(true);
  });
});
