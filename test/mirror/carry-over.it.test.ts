import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { archiveName } from '../../scripts/cvd/names.ts';
import { Stage } from '../../scripts/files/stage.ts';
import { carryOver } from '../../scripts/mirror/carry-over.ts';
import type { DatabaseRecord } from '../../scripts/mirror/manifest.ts';
import { findPrevious } from '../../scripts/mirror/previous-cvd.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { TALOS, type Trust } from '../../scripts/verify/trust.ts';
import { databaseRecord, described, manifestOf, temporaryFolder } from '../store/support.ts';
import { makeChain } from '../support/databases/chain.ts';
import { signatureLine } from '../support/databases/signatures.ts';
import { testTrust } from '../support/databases/signing.ts';
import { describeWithSigns, signFolder } from '../support/setup/official.ts';
import { CLOCK } from '../support/sign/authority.ts';

/** A store that holds these files, published as version 6 of `test`; and what it takes to carry them over. */
async function published(
  files: ReadonlyMap<string, Uint8Array>,
  change: { window?: number; trust?: Trust } = {},
) {
  const folder = temporaryFolder();
  const store = new FolderStore(join(folder, 'mirror'));
  await mkdir(store.where);
  for (const [name, bytes] of files) await writeFile(join(store.where, name), bytes);
  const records = [...files].map(([name, bytes]) => [name, described(bytes)] as const);
  records.sort(([a], [b]) => a.localeCompare(b)); // as the manifest has them: test-6.cvd.sign before test.cvd
  const databases: Record<string, DatabaseRecord> = { test: databaseRecord(6) };
  const manifest = manifestOf(databases, Object.fromEntries(records));
  const stage = await Stage.create(join(folder, 'run'));
  const warnings: string[] = [];
  const log = { info() {}, warn: (line: string) => warnings.push(line), progress() {} };
  const state = {
    manifest,
    tag: undefined,
    databases: new Map(Object.entries(databases)),
    damaged: [],
    lostSigns: [],
    listing: new Map(),
  };
  const parts = { store, published: state, trust: testTrust(), stage, window: 30, log, ...change };
  return {
    parts,
    warnings,
    where: (name: string) => join(store.where, name),
    /** Names in the stage, sorted, after the files that stay beside `version` have been carried over. */
    carried: async (version: number) => {
      await carryOver('test', version, parts);
      return [...stage.files.keys()].sort();
    },
    bytes: (name: string) => readFile(stage.path(name)),
  };
}

const CHAIN = makeChain(
  'test',
  [1, 2, 3, 4, 5, 6].map((count) => {
    const lines = [...Array(count + 1).keys()].map((id) => signatureLine(0, id));
    return new Map([['test.hdb', Buffer.from(lines.join(''))]]);
  }),
);
const EMPTY = Buffer.alloc(0);
const CVD = CHAIN[5]?.cvd ?? EMPTY;
const cdiffOf = (version: number) => CHAIN[version - 1]?.cdiff ?? EMPTY;
const cdiffs = (...steps: number[]) => steps.map((step) => `test-${step}.cdiff`);
const FILES: ReadonlyMap<string, Uint8Array> = new Map([
  ['test.cvd', CVD],
  ...cdiffs(3, 4, 5, 6).map((name, at) => [name, cdiffOf(at + 3)] as const),
]);

describe('the published files of a database', () => {
  test('are carried over as they are', async () => {
    const it = await published(FILES);
    expect(await it.carried(6)).toEqual([...cdiffs(3, 4, 5, 6), 'test.cvd']);
    for (const [name, bytes] of FILES) {
      expect((await it.bytes(name)).equals(bytes)).toBe(true);
      expect(it.parts.stage.files.get(name)).toEqual({ name, ...described(bytes), stored: true });
    }
  });

  test('stay, but for the CVD, beside a new version', async () => {
    const it = await published(FILES);
    expect(await it.carried(7)).toEqual(cdiffs(3, 4, 5, 6));
  });

  test('leave as they grow older than the window', async () => {
    const it = await published(FILES, { window: 3 });
    expect(await it.carried(7)).toEqual(cdiffs(5, 6));
  });

  test('of another database stay behind', async () => {
    const it = await published(new Map([...FILES, ['other.cvd', CVD], ['other-6.cdiff', cdiffOf(6)]]));
    expect(await it.carried(6)).toEqual([...cdiffs(3, 4, 5, 6), 'test.cvd']);
  });

  test('in the archive stay where they are', async () => {
    const it = await published(FILES);
    it.parts.published.manifest.files[archiveName('test', 5)] = described(CHAIN[4]?.cvd ?? EMPTY);
    expect(await it.carried(6)).toEqual([...cdiffs(3, 4, 5, 6), 'test.cvd']);
  });

  test('a CDIFF of no bytes among them is carried over', async () => {
    const it = await published(new Map([...FILES, ['test-5.cdiff', EMPTY]]));
    expect(await it.carried(6)).toContain('test-5.cdiff');
  });

  test('a .sign whose file is not published leaves', async () => {
    const it = await published(new Map([...FILES, ['test-2.cdiff.sign', Buffer.from('of no use')]]));
    expect(await it.carried(6)).toEqual([...cdiffs(3, 4, 5, 6), 'test.cvd']);
    expect(it.warnings).toEqual([]);
  });
});

describe('a published file that is not what it was is not carried over', () => {
  const flipped = CVD.map((byte, at) => (at === CVD.length - 20 ? byte ^ 1 : byte));
  const damages: Record<string, [string, Uint8Array | undefined, unknown]> = {
    'a CVD that is gone': ['test.cvd', undefined, 'store/missing'],
    'a CDIFF that is gone': ['test-4.cdiff', undefined, 'store/missing'],
    'a CVD with another byte': ['test.cvd', flipped, 'verify/format'],
    'a CVD that was replaced by an older one': ['test.cvd', CHAIN[4]?.cvd, 'verify/mismatch'],
    'a CDIFF that was emptied': ['test-4.cdiff', EMPTY, 'verify/mismatch'],
    'a CDIFF that was cut': ['test-4.cdiff', cdiffOf(4).subarray(0, 100), 'verify/format'],
    'a CDIFF of another step': [
      'test-4.cdiff',
      cdiffOf(5),
      expect.stringMatching(/^verify\/(wrong-version|mismatch)$/),
    ], // the longer one of the two is not even read
  };
  test.each(Object.entries(damages))('%s', async (_, [name, bytes, code]) => {
    const it = await published(FILES);
    if (bytes === undefined) await rm(it.where(name));
    else await writeFile(it.where(name), bytes);
    await expect(it.carried(6)).rejects.toMatchObject({ code });
    expect(it.parts.stage.files.has(name)).toBe(false);
  });

  test('nor is anything that the keys of another signer signed', async () => {
    const it = await published(FILES, { trust: TALOS });
    await expect(it.carried(6)).rejects.toMatchObject({ code: 'verify/signature' });
  });
});

describe('the CVD to rebuild from', () => {
  test('is the one in the store, whichever version the manifest says', async () => {
    const it = await published(FILES);
    await writeFile(it.where('test.cvd'), CHAIN[4]?.cvd ?? EMPTY);
    expect((await findPrevious('test', it.parts))?.verified.header.version).toBe(5);
    expect(it.parts.stage.files.size).toBe(0);
  });

  test('is none if there is none', async () => {
    const it = await published(new Map());
    expect(await findPrevious('test', it.parts)).toBeUndefined();
    expect(it.warnings).toEqual([]);
  });

  test('is none, with a warning, if it does not prove out', async () => {
    const it = await published(new Map([['test.cvd', Buffer.from('<html>')]]));
    expect(await findPrevious('test', it.parts)).toBeUndefined();
    expect(it.warnings).toHaveLength(1);
  });

  test('is none, with a warning, if it is another database', async () => {
    const [other] = makeChain('other', [new Map([['other.hdb', Buffer.from(signatureLine(0, 1))]])]);
    const it = await published(new Map([['test.cvd', other?.cvd ?? EMPTY]]));
    expect(await findPrevious('test', it.parts)).toBeUndefined();
    expect(it.warnings).toHaveLength(1);
  });
});

describeWithSigns('published .sign files', () => {
  const read = (name: string) => readFileSync(join(signFolder ?? '', name));
  const steps = [2, 3, 4, 5, 6];
  const files = () =>
    new Map([
      ...steps
        .flatMap((step) => [`test-${step}.cdiff`, `test-${step}.cdiff.sign`])
        .map((name) => [name, read(name)] as const),
      ['test.cvd', read('test-6.cvd')],
      ['test-6.cvd.sign', read('test-6.cvd.sign')],
    ]);
  const signed = (...of: number[]) => of.flatMap((step) => [`test-${step}.cdiff`, `test-${step}.cdiff.sign`]);
  const trust = (now = CLOCK): Trust => {
    const root = new X509Certificate(read('clamav-test-root.crt'));
    return { ...TALOS, roots: [{ certificate: root.raw }], now: () => now };
  };

  test('are carried over with what they sign', async () => {
    const it = await published(files(), { trust: trust() });
    expect(await it.carried(6)).toEqual([...signed(...steps), 'test-6.cvd.sign', 'test.cvd'].sort());
    expect(it.warnings).toEqual([]);
  });

  test('defect 8: leave together with the CDIFF that they sign', async () => {
    const it = await published(files(), { trust: trust(), window: 3 });
    expect(await it.carried(6)).toEqual([...signed(4, 5, 6), 'test-6.cvd.sign', 'test.cvd'].sort());
  });

  test('of a CVD leave when a new version comes', async () => {
    const it = await published(files(), { trust: trust() });
    expect(await it.carried(7)).toEqual(signed(...steps).sort());
  });

  test('that have expired are dropped with a warning each, and what they sign is kept', async () => {
    const it = await published(files(), { trust: trust(new Date('2028-01-01T00:00:00Z')) });
    expect(await it.carried(6)).toEqual([...cdiffs(...steps), 'test.cvd']);
    expect(it.warnings).toHaveLength(6);
  });

  test('that were damaged are dropped with a warning', async () => {
    const it = await published(files(), { trust: trust() });
    await writeFile(it.where('test-4.cdiff.sign'), read('test-5.cdiff.sign'));
    expect(await it.carried(6)).not.toContain('test-4.cdiff.sign');
    expect(it.warnings).toEqual([expect.stringContaining('test-4.cdiff.sign')]);
  });

  test('that were replaced by others of the same signer are damage', async () => {
    const it = await published(files(), { trust: trust() });
    const comment = Buffer.concat([read('test-4.cdiff.sign'), Buffer.from('# a comment\n')]);
    await writeFile(it.where('test-4.cdiff.sign'), comment);
    await expect(it.carried(6)).rejects.toMatchObject({ code: 'verify/mismatch' });
  });
});
