import { X509Certificate } from 'node:crypto';
import { copyFileSync, renameSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { archiveName } from '../../scripts/cvd/names.ts';
import { checkStore } from '../../scripts/mirror/check/check-store.ts';
import { checkTree } from '../../scripts/mirror/check/check-tree.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { TALOS, type Trust } from '../../scripts/verify/trust.ts';
import { cvdOf, startArchiving } from '../store/archiving.ts';
import { testTrust } from '../support/databases/signing.ts';
import { CDIFFS, faults, startMirror, startPublished, type TestMirror } from '../support/mirror/cycle.ts';
import { describeWithOfficial, describeWithSigns, official, signFolder } from '../support/setup/official.ts';
import { CLOCK } from '../support/sign/authority.ts';

/** In the order of publication. */
const STEPS = [...CDIFFS, 'test.cvd', 'timestamp', 'dns.txt', 'proof.json', 'proof.txt', 'manifest.json'];

/** As publication does it. */
function replace(name: string, from: string, to: string): void {
  copyFileSync(join(from, name), join(to, `.${name}`));
  renameSync(join(to, `.${name}`), join(to, name));
}

describeWithOfficial('verify of a published tree', () => {
  let whole: TestMirror;
  beforeAll(async () => {
    whole = await startPublished(6, 6);
  });
  afterAll(() => whole[Symbol.asyncDispose]());

  test('says what every file is, and ends with the manifest', async () => {
    const checked = await checkTree(whole.store, TALOS);
    expect(checked.map(({ verdict }) => verdict)).toEqual(Array(7).fill('proven'));
    expect(checked.at(-1)).toMatchObject({ path: join(whole.store, 'manifest.json') });
    expect(checked[0]).toMatchObject({ database: 'test', version: 2, sha256: expect.any(String) });
  });

  test('proves every state in the middle of a publication', async () => {
    await using mirror = await startPublished(1, 6);
    for (const name of STEPS) {
      await copyFile(join(whole.store, name), join(mirror.store, `.${name}`));
      await rename(join(mirror.store, `.${name}`), join(mirror.store, name));
      expect(await faults(mirror.store)).toEqual([]);
    }
    expect((await checkTree(mirror.store, TALOS)).at(-1)?.what).toContain('test 6');
  });

  test('proves every state of a first publication', async () => {
    await using mirror = await startMirror();
    await mkdir(mirror.store);
    for (const name of STEPS) {
      await copyFile(join(whole.store, name), join(mirror.store, name));
      expect(await faults(mirror.store)).toEqual([]);
    }
  });

  test('proves a tree that is published to while it reads', async () => {
    await using mirror = await startPublished(1, 6);
    let publications = 0;
    const trust: Trust = {
      ...TALOS,
      get keys() {
        if (publications++ === 0) for (const name of STEPS) replace(name, whole.store, mirror.store);
        return TALOS.keys;
      },
    };
    const checked = await checkTree(mirror.store, trust);
    expect(publications).toBeGreaterThan(1);
    expect(checked.filter(({ verdict }) => verdict !== 'proven')).toEqual([]);
    expect(checked.at(-1)?.what).toContain('test 6');
  });

  test('finds what clients would take for a database of the mirror, be it genuine or not', async () => {
    await using mirror = await startPublished(6, 6);
    await copyFile(official('test-5.cvd'), join(mirror.store, 'main.cvd'));
    for (const name of ['test.cld', 'test-1.cdiff', 'local_x.cld', 'index.html'])
      await writeFile(join(mirror.store, name), 'left there');
    const found = (await checkTree(mirror.store, TALOS)).filter(({ verdict }) => verdict !== 'proven');
    expect(found.map(({ path, verdict }) => [relative(mirror.store, path), verdict])).toEqual([
      ['main.cvd', 'unproven'],
      ['test-1.cdiff', 'unproven'],
      ['test.cld', 'unproven'],
    ]);
    const afar = await checkStore(new FolderStore(mirror.store), TALOS);
    expect(afar.filter(({ verdict }) => verdict !== 'proven').map(({ path }) => path)).toEqual([
      'test.cld',
      'main.cvd',
      'test-1.cdiff',
    ]);
  });

  describe('finds', () => {
    const edit = (change: (manifest: string) => string) => async (store: string) => {
      const path = join(store, 'manifest.json');
      const before = await readFile(path, 'utf8');
      expect(change(before)).not.toBe(before);
      await writeFile(path, change(before));
    };
    const put = (source: string, name: string) => async (store: string) =>
      await copyFile(official(source), join(store, name));
    const tampering: Readonly<Record<string, (store: string) => Promise<unknown>>> = {
      'an older CVD': put('test-5.cvd', 'test.cvd'),
      'the CVD of another database': put('bytecode.cvd', 'test.cvd'),
      'the CVD of another database under a name of its own': put('bytecode.cvd', 'main.cvd'),
      'another CDIFF': put('test-3.cdiff', 'test-4.cdiff'),
      'an empty CDIFF': (store) => writeFile(join(store, 'test-4.cdiff'), ''),
      'a CDIFF too many that nobody signed': (store) => writeFile(join(store, 'test-7.cdiff'), 'DEL 1 x'),
      'a CVD too many that nobody signed': (store) => writeFile(join(store, 'daily.cvd'), '<html>'),
      'a missing CVD': (store) => rm(join(store, 'test.cvd')),
      'a missing CDIFF': (store) => rm(join(store, 'test-2.cdiff')),
      'a folder in the place of a CVD': async (store) => {
        await rm(join(store, 'test.cvd'));
        await mkdir(join(store, 'test.cvd'));
      },
      'a manifest that claims a newer version': edit((text) => text.replace('"version": 6', '"version": 7')),
      'a manifest that claims an older version': edit((text) => text.replace('"version": 6', '"version": 5')),
      'a manifest that says two things of one file': edit((text) =>
        text.replace(/"sha256": "./, '"sha256": "f'),
      ),
      'a manifest that leaves the CVD out': edit((text) => {
        const manifest = JSON.parse(text);
        delete manifest.files['test.cvd'];
        return JSON.stringify(manifest);
      }),
      'a manifest that leaves a CDIFF of its chain out': edit((text) => {
        const manifest = JSON.parse(text);
        delete manifest.files['test-3.cdiff'];
        return JSON.stringify(manifest);
      }),
      'a manifest that names a file too many': edit((text) =>
        text.replace(
          '"files": {',
          `"files": { "test-1.cdiff": { "size": 0, "sha256": "${'0'.repeat(64)}" },`,
        ),
      ),
      'a manifest that is no JSON': edit(() => '<html>'),
      'a manifest cut short': edit((text) => text.slice(0, -20)),
      'a manifest that is a folder': async (store) => {
        await rm(join(store, 'manifest.json'));
        await mkdir(join(store, 'manifest.json'));
      },
    };
    test.each(Object.keys(tampering))('%s', async (name) => {
      await using mirror = await startMirror();
      await mkdir(mirror.store);
      for (const step of STEPS) await copyFile(join(whole.store, step), join(mirror.store, step));
      expect(await faults(mirror.store)).toEqual([]);
      await tampering[name]?.(mirror.store);
      expect(await faults(mirror.store)).not.toEqual([]);
    });
  });
});

describe('verify of a tree with an archive', () => {
  const ARCHIVED = archiveName('test', 5);
  const treeOf = async (...versions: number[]) => {
    const mirror = startArchiving();
    for (const version of versions) await mirror.publish(version);
    return mirror.store.where;
  };
  const verdictsOf = async (store: string) =>
    new Map((await checkTree(store, testTrust())).map((one) => [relative(store, one.path), one]));

  test('proves the earlier CVDs too', async () => {
    const verdicts = await verdictsOf(await treeOf(4, 5, 6));
    expect(verdicts.get(ARCHIVED)).toMatchObject({ verdict: 'proven', database: 'test', version: 5 });
    expect(verdicts.get(archiveName('test', 4))).toMatchObject({ verdict: 'proven', version: 4 });
    expect([...verdicts.values()].filter(({ verdict }) => verdict !== 'proven')).toEqual([]);
  });

  test('proves one that no manifest names yet', async () => {
    const store = await treeOf(6);
    await mkdir(join(store, 'archive'));
    await writeFile(join(store, ARCHIVED), cvdOf(5));
    expect((await verdictsOf(store)).get(ARCHIVED)?.verdict).toBe('proven');
    expect((await verdictsOf(store)).get('manifest.json')?.verdict).toBe('proven');
  });

  test('is not concerned with what else is there', async () => {
    const store = await treeOf(5, 6);
    await writeFile(join(store, 'archive/test.cvd'), 'mine');
    expect((await verdictsOf(store)).has('archive/test.cvd')).toBe(false);
  });

  test('is not concerned with a file by the name of the archive', async () => {
    const store = await treeOf(6);
    await writeFile(join(store, 'archive'), 'mine');
    expect((await verdictsOf(store)).get('manifest.json')?.verdict).toBe('proven');
  });

  test.each<[string, string, (store: string) => Promise<void>]>([
    ['an earlier CVD that is missing', 'manifest.json', (store) => rm(join(store, ARCHIVED))],
    ['an earlier CVD that was cut', ARCHIVED, (store) => truncate(join(store, ARCHIVED), 900)],
    [
      'an earlier CVD of another version than its name says',
      ARCHIVED,
      (store) => writeFile(join(store, ARCHIVED), cvdOf(4)),
    ],
    [
      'an earlier CVD too many that nobody signed',
      archiveName('daily', 9),
      (store) => writeFile(join(store, archiveName('daily', 9)), '<html>'),
    ],
    [
      'another hash of an earlier CVD in the manifest',
      'manifest.json',
      async (store) => {
        const path = join(store, 'manifest.json');
        const manifest = JSON.parse(await readFile(path, 'utf8'));
        manifest.files[ARCHIVED].sha256 = '0'.repeat(64);
        await writeFile(path, JSON.stringify(manifest));
      },
    ],
  ])('finds %s', async (_, name, tamper) => {
    const store = await treeOf(5, 6);
    await tamper(store);
    expect((await verdictsOf(store)).get(name)?.verdict).toBe('unproven');
  });

  test('cannot read a folder in the place of an earlier CVD', async () => {
    const store = await treeOf(5, 6);
    await rm(join(store, ARCHIVED));
    await mkdir(join(store, ARCHIVED));
    expect((await verdictsOf(store)).get(ARCHIVED)?.verdict).toBe('unreadable');
    expect((await verdictsOf(store)).get('manifest.json')?.verdict).toBe('unproven');
  });
});

describeWithSigns('verify of a published tree with .sign files', () => {
  const sign = (name: string) => join(signFolder ?? '', name);
  const verdicts = async (store: string, names: RegExp): Promise<string[]> => {
    const certificate = new X509Certificate(await readFile(sign('clamav-test-root.crt'))).raw;
    const trust: Trust = { ...TALOS, roots: [{ certificate }], now: () => CLOCK };
    const checked = await checkTree(store, trust);
    return checked.filter(({ path }) => names.test(path)).map(({ verdict }) => verdict);
  };

  test('proves the .sign of what is there and lets that of another version wait, for it is not asked for', async () => {
    await using mirror = await startPublished(5, 5);
    for (const name of ['test-5.cvd.sign', 'test-6.cvd.sign', 'test-5.cdiff.sign']) {
      await copyFile(sign(name), join(mirror.store, name));
    }
    expect(await verdicts(mirror.store, /sign$/)).toEqual(['proven', 'proven', 'waiting']);
    expect(await verdicts(mirror.store, /manifest.json$/)).toEqual(['proven']);
  });

  test.each([
    ['the .sign of another CDIFF', 'test-4.cdiff.sign', 'test-5.cdiff.sign'],
    ['the .sign of another CVD', 'test-6.cvd.sign', 'test-5.cvd.sign'],
    ['the .sign of a CDIFF that is not there', 'test-6.cdiff.sign', 'test-6.cdiff.sign'],
  ])('finds %s', async (_what, source, name) => {
    await using mirror = await startPublished(5, 5);
    await copyFile(sign(source), join(mirror.store, name));
    expect(await verdicts(mirror.store, /sign$/)).not.toEqual(['proven']);
    expect(await verdicts(mirror.store, /sign$/)).not.toEqual(['waiting']);
  });
});
