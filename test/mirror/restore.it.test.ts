import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { sync as actionSync } from '../../scripts/action/sync.ts';
import { SILENT } from '../../scripts/base/log.ts';
import { runCycle } from '../../scripts/cycle/cycle.ts';
import { type Manifest, parseManifest, textOf } from '../../scripts/mirror/manifest.ts';
import { FACE, HISTORY_JSON } from '../../scripts/mirror/pages.ts';
import { actionSettings } from '../../scripts/settings/action.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { Copies } from '../../scripts/store/copies.ts';
import { cycleDeps } from '../../scripts/wiring/cycle-context.ts';
import { probe, faults as probeFaults, problems, problemsOfUnsigned } from '../probe/support.ts';
import { trusting } from '../support/clamav/engines.ts';
import {
  describeMirror,
  faults,
  hashes,
  namesIn,
  offer,
  ofTest,
  published,
  sha256,
  startMirror,
  type TestMirror,
} from '../support/mirror/cycle.ts';
import { startPages, type TestPages } from '../support/web/pages.ts';
import { allowedEntry, extraRecord, extrasOf } from './extras.ts';

const quick = { openProver: async () => trusting };

describeMirror('a mirror that lives where it is served', () => {
  let mirror: TestMirror;
  /** Holds what is served, and a store that is empty. */
  let folder: string;
  let served: string;
  let pages: TestPages;
  let store: string;

  beforeAll(async () => {
    mirror = await startMirror(4);
    await mirror.sync(quick);
    offer(mirror, 5);
    expect((await mirror.sync(quick)).outcome).toBe('published');
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'restore-'));
    served = join(folder, 'served');
    store = join(folder, 'mirror');
    await cp(mirror.store, served, { recursive: true, preserveTimestamps: true });
    pages = await startPages(served);
  });
  afterEach(async () => {
    await pages[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const settings = () => {
    const flags = { upstream: mirror.upstream.url, dns: 'off', databases: 'test', store };
    return syncSettings({ flags: { ...flags, 'restore-from': pages.url }, environment: {} });
  };
  const restore = async (warnings: string[] = []) =>
    await cycleDeps(settings(), { ...SILENT, warn: (line) => warnings.push(line) });
  const edit = async (change: (manifest: Manifest) => unknown) => {
    const path = join(served, 'manifest.json');
    const manifest = parseManifest(await readFile(path, 'utf8'), path);
    change(manifest);
    await writeFile(path, textOf(manifest));
  };
  const spoil = async (name: string) => {
    const bytes = await readFile(join(served, name));
    await writeFile(join(served, name), bytes.fill(0, bytes.length - 20));
  };

  test('comes back as it was, and the next cycle goes on from there by a CDIFF', async () => {
    const parts = await restore();
    const kept = [...(await hashes(mirror.store))].filter(
      ([name]) => name === HISTORY_JSON || !FACE.includes(name),
    );
    expect(await hashes(store)).toEqual(new Map(kept)); // the next cycle makes the status page anew
    expect(await faults(store)).toEqual([]);
    offer(mirror, 6);
    mirror.upstream.forget();
    const report = await runCycle(settings(), { ...parts, ...quick });
    offer(mirror, 5);
    expect(ofTest(report)).toMatchObject({ outcome: 'published', from: 5, to: 6, how: 'rebuilt' });
    expect(mirror.upstream.asked).not.toContain('test-5.cdiff');
    expect(await namesIn(join(store, 'archive'))).toEqual(['test-4.cvd', 'test-5.cvd']);
    expect(await faults(store)).toEqual([]);
  });

  test('comes back with its extras, which the next cycle proves anew, but for one that is spoilt', async () => {
    const files = { 'ours.ndb': 'Ours.Bad-1:0:*:626164\n', 'spoilt.ndb': 'Ours.Bad-2:0:*:62616464\n' };
    for (const [name, text] of Object.entries(files)) await writeFile(join(served, name), text);
    const records = Object.entries(files).map(([name, text]) => [name, extraRecord(text)] as const);
    await edit((manifest) => {
      manifest.extras = {
        ...extrasOf(Object.fromEntries(records), [allowedEntry('Win.Foo-1')]),
        proof: manifest.proof,
      };
    });
    await spoil('spoilt.ndb');
    const warnings: string[] = [];
    await restore(warnings);
    expect(warnings).toHaveLength(1);
    expect(await faults(store)).toEqual([]);
    const { extras } = parseManifest(await readFile(join(store, 'manifest.json'), 'utf8'), store);
    expect(extras).toMatchObject({ allowed: [{ what: 'Win.Foo-1' }], retired: [] });
    expect([Object.keys(extras?.files ?? {}), extras?.proof]).toEqual([['ours.ndb'], undefined]);
  });

  test('is left alone if it is there', async () => {
    await restore();
    pages.asked.length = 0;
    await restore();
    expect(pages.asked).toEqual([]);
  });

  test('comes from copies as far as those have it', async () => {
    const copies = new Copies(join(settings().work, 'copies'));
    await copies.keep((await hashes(mirror.store)).get('test.cvd') ?? '', join(mirror.store, 'test.cvd'));
    await restore();
    expect(pages.asked).toContain('archive/test-4.cvd');
    expect(pages.asked).not.toContain('test.cvd');
    expect(await published(store)).toEqual(await published(mirror.store));
  });

  test('leaves copies for the cache of the action, so that the next run asks the host for its manifest, history and lists of changes alone', async () => {
    const environment = {
      CLAMAV_MIRROR_UPSTREAM: mirror.upstream.url,
      CLAMAV_MIRROR_DATABASES: 'test',
      CLAMAV_MIRROR_STORE: store,
      CLAMAV_MIRROR_RESTORE_FROM: pages.url,
    };
    const given = { flags: {}, environment };
    const run = async () => {
      pages.asked.length = 0;
      const log = { ...SILENT, tail: [], end() {} };
      const parts = { action: actionSettings(given), given, log, now: () => new Date() };
      const { outputs } = await actionSync(given)(parts);
      expect(outputs).toMatchObject({ outcome: 'unchanged', versions: '{"test":5}' });
      await rm(store, { recursive: true });
    };
    await run();
    expect(pages.asked).toContain('test.cvd');
    await run();
    const isNoList = (name: string) => !name.startsWith('changes/');
    expect(pages.asked.filter(isNoList)).toEqual(['manifest.json', 'history.json']);
  });

  test('begins empty where nothing is served yet', async () => {
    pages.fail('manifest.json', 404);
    const warnings: string[] = [];
    await restore(warnings);
    expect(warnings).toHaveLength(1);
    expect(await namesIn(store)).toEqual([]);
  });

  test.each([
    ['manifest.json', 503],
    ['manifest.json', 403],
    ['manifest.json', 429],
    ['test.cvd', 404],
    ['archive/test-4.cvd', 403],
  ])('does not begin empty because %s is answered with %i', { timeout: 30_000 }, async (name, status) => {
    pages.fail(name, status);
    await expect(restore()).rejects.toHaveProperty('code', 'store/restore');
    expect((await namesIn(store)).filter((found) => !found.startsWith('.'))).toEqual([]);
  });

  test.each(['test.cvd', 'test-5.cdiff', 'archive/test-4.cvd'])(
    'does not take a %s that is spoilt',
    async (name) => {
      await spoil(name);
      await expect(restore()).rejects.toHaveProperty('code', expect.stringMatching(/^verify\//));
      expect((await namesIn(store)).filter((found) => !found.startsWith('.'))).toEqual([]);
    },
  );

  test.each<[string, (manifest: Manifest) => unknown]>([
    ['another hash', ({ files }) => Object.assign(files['test.cvd'] ?? {}, { sha256: '0'.repeat(64) })],
    ['a later version', ({ databases }) => Object.assign(databases.test ?? {}, { version: 9 })],
    ['more signatures', ({ databases }) => Object.assign(databases.test ?? {}, { signatures: 9999 })],
    [
      'a longer chain',
      ({ databases }) => Object.assign(databases.test ?? {}, { cdiffs: { first: 1, last: 5 } }),
    ],
    ['a way out', ({ files }) => Object.assign(files, { '../../x.cvd': files['test.cvd'] })],
    ['no CVD', ({ files }) => delete files['test.cvd']],
  ])('does not believe a manifest with %s', async (_what, change) => {
    await edit(change);
    await expect(restore()).rejects.toHaveProperty(
      'code',
      expect.stringMatching(/^(?:verify\/|store\/manifest$)/),
    );
    expect((await namesIn(store)).filter((found) => !found.startsWith('.'))).toEqual([]);
  });

  test('does without a .sign that proves nothing any more', async () => {
    const sign = 'test-5.cdiff.sign';
    await appendFile(join(served, sign), '#clamsign-1.0\nAAAA\n');
    const bytes = await readFile(join(served, sign));
    await edit(({ files }) =>
      Object.assign(files, { [sign]: { size: bytes.length, sha256: sha256(bytes) } }),
    );
    const warnings: string[] = [];
    await restore(warnings);
    expect(warnings).toHaveLength(1);
    expect(await hashes(store).then((all) => all.has(sign))).toBe(false);
    expect(await faults(store)).toEqual([]);
  });

  test('passes the probe on a host with the headers of Pages, with a warning about caching only', async () => {
    const report = await probe(pages.url, { client: process.env.PATH ?? '' });
    expect(probeFaults(report)).toEqual([]);
    expect(problems(report)).toEqual(['caching: warning', ...(await problemsOfUnsigned({ client: true }))]);
  });
});
