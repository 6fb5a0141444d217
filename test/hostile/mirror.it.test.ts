import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { codeOf, MirrorError } from '../../scripts/base/errors.ts';
import { MANIFEST_BYTES, MANIFEST_DATABASES } from '../../scripts/base/limits/manifest.ts';
import { SILENT } from '../../scripts/base/log.ts';
import { updateClient } from '../../scripts/client/update.ts';
import { openOneEngine } from '../../scripts/engine/open-one.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { checkTree } from '../../scripts/mirror/check/check-tree.ts';
import { encodeManifest, type Manifest, parseManifest } from '../../scripts/mirror/manifest.ts';
import { readPublished } from '../../scripts/mirror/published.ts';
import { clientSettings } from '../../scripts/settings/commands/client.ts';
import { syncSettings } from '../../scripts/settings/commands/sync.ts';
import { FolderStore } from '../../scripts/store/folder.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { quickCheck } from '../../scripts/watch/quick-check.ts';
import { checkSettings } from '../../scripts/watch/quick-check-settings.ts';
import { cycleDeps } from '../../scripts/wiring/cycle-context.ts';
import { probe } from '../probe/support.ts';
import { trusting } from '../support/clamav/engines.ts';
import { describeMirror, startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { startUpstream, type TestUpstream } from '../support/mirror/upstream.ts';
import { everyNth, sampled } from '../support/sample.ts';
import { describeWith } from '../support/setup/official.ts';
import { look } from '../watch/support.ts';
import { hostileNames, hostileValues, type Place, placesIn, withName, withValue } from './manifests.ts';
import { runWatched, strace } from './watched.ts';

const RUNS = sampled(8, 20);
/** Programs of ClamAV, what starts ours, and those by which root finds out once that a nameserver can be given to a tool. */
const PROGRAMS = [
  ...['node', 'strace', 'freshclam', 'clamscan', 'clamd', 'sigtool'],
  ...['unshare', 'sh', 'mount', 'true'],
];

describeMirror('a hostile mirror', () => {
  let mirror: TestMirror;
  let genuine: Manifest;
  let places: readonly Place[];
  let server: TestUpstream;
  /** All that a command may reach that should not: the folders below it, and what lies beside them. */
  let around: string;
  let into: string;
  let marker: string;

  beforeAll(async () => {
    mirror = await startMirror(6);
    await mirror.sync({ openProver: async () => trusting });
    const text = await readFile(join(mirror.store, 'manifest.json'), 'utf8');
    const missing = { ...parseManifest(text, 'here'), retired: ['test-1.cdiff'] };
    const [name = '', record] = Object.entries(missing.databases)[0] ?? [];
    if (record === undefined) throw new Error('nothing was published');
    const at = missing.checked;
    const full = {
      ...record,
      missingCdiffs: [1],
      held: { since: at, reason: 'for this test' },
      sign: { state: 'missing', since: at, asked: at, notAfter: at, reason: 'it is not there', etag: '"x"' },
    } as const;
    genuine = parseManifest(
      encodeManifest({
        ...missing,
        databases: { [name]: full },
        proof: { ...missing.proof, accepted: { reason: 'for this test', findings: ['one'] } },
      }),
      'here',
    );
    places = placesIn(genuine);
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());
  beforeEach(async () => {
    server = await startUpstream(mirror.store);
    around = await mkdtemp(join(tmpdir(), 'hostile-'));
    into = join(around, 'client', 'databases');
    marker = join(around, 'marker');
    await mkdir(join(around, 'client'));
    await mkdir(join(around, 'elsewhere'));
    for (const folder of ['.', 'client', 'elsewhere'])
      for (const name of ['victim.cvd', 'victim.cld', 'victim', 'test.cvd'])
        await writeFile(join(around, folder, name), 'precious');
  });
  afterEach(async () => {
    await server[Symbol.asyncDispose]();
    await rm(around, { recursive: true });
  });

  /** What lies outside of these folders, and is to stay as it is. */
  async function outside(...own: readonly string[]): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const entries = await readdir(around, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      const path = join(entry.parentPath, entry.name);
      if (own.some((folder) => path.startsWith(folder))) continue;
      found.set(
        path,
        entry.isFile()
          ? createHash('sha256')
              .update(await readFile(path))
              .digest('hex')
          : '',
      );
    }
    return found;
  }

  const serve = (text: string) => server.set('manifest.json', Buffer.from(text));
  const settings = (flags: Record<string, string> = {}) =>
    clientSettings(server.url, { flags: { into, ...flags }, environment: {} });
  const client = async (flags: Record<string, string> = {}) =>
    await updateClient(settings(flags), {
      openEngine: (work) =>
        openOneEngine(parseEngineSpec('native'), { path: process.env.PATH ?? '', work, log: SILENT }),
      trust: TALOS,
      log: SILENT,
      now: () => new Date(),
      patience: { attempts: 1, wait: 0 },
    });

  /** The same place with something else: another value, or another name. */
  const changes = () =>
    fc.oneof(
      fc
        .tuple(
          fc.constantFrom(...places),
          fc.oneof(fc.constantFrom(...hostileValues(marker)), fc.jsonValue()),
        )
        .map(([place, value]) => withValue(genuine, place, value)),
      fc
        .tuple(fc.constantFrom(...places), fc.constantFrom(...hostileNames(marker)))
        .map(([place, name]) => withName(genuine, place, name)),
    );

  /** Tries such manifests at a door: nothing happens outside of these folders, and only our own errors come out. */
  async function tryDoor(own: readonly string[], open: () => Promise<unknown>, set = serve, numRuns = RUNS) {
    const before = await outside(...own);
    await fc.assert(
      fc.asyncProperty(changes(), async (text) => {
        await set(text);
        await open().catch((error) => {
          if (!(error instanceof MirrorError)) throw error;
        });
        expect(existsSync(marker)).toBe(false);
        expect(await outside(...own)).toEqual(before);
      }),
      { numRuns, endOnFailure: true },
    );
  }

  test('has no field whose kind is not known, and no name that leads anywhere', () => {
    expect(places.length).toBeGreaterThan(40);
    const refused = { value: 0, name: 0 };
    const judge = (text: string, kind: keyof typeof refused) => {
      try {
        encodeManifest(parseManifest(text, 'here')); // whatever is taken can be published again
      } catch (error) {
        expect(['store/manifest', 'store/newer']).toContain(codeOf(error));
        refused[kind]++;
      }
    };
    for (const place of places) {
      for (const value of hostileValues(marker)) judge(withValue(genuine, place, value), 'value');
      for (const name of hostileNames(marker)) judge(withName(genuine, place, name), 'name');
    }
    expect(refused.value).toBeGreaterThan(places.length * 20);
    expect(refused.name).toBeGreaterThan(places.length * 10);
    for (const name of hostileNames(marker).filter((one) => one !== '__proto__'))
      for (const place of [
        ['databases', 'test'],
        ['files', 'test.cvd'],
      ])
        expect(() => parseManifest(withName(genuine, place, name), 'here')).toThrow(
          expect.objectContaining({ code: 'store/manifest' }),
        );
  });

  test('by a name `__proto__` changes no object, and the database of that name does not exist', () => {
    const taken = parseManifest(withName(genuine, ['databases', 'test'], '__proto__'), 'here');
    expect(Object.keys(taken.databases)).toEqual([]);
    for (const name of ['__proto__', 'constructor', 'toString', 'version'])
      expect(taken.databases[name]).toBeUndefined();
    expect(Object.hasOwn(Object.prototype, 'version')).toBe(false);
  });

  test('orders nothing from a client by the name of a database', async () => {
    for (const name of hostileNames(marker)) {
      serve(withName(genuine, ['databases', 'test'], name));
      const before = await outside(into);
      const code = name === '__proto__' ? 'client/no-databases' : 'store/manifest'; // nobody's name
      await expect(client()).rejects.toMatchObject({ code });
      expect(await outside(into)).toEqual(before);
      expect(existsSync(marker)).toBe(false);
      expect(existsSync(`${into}.freshclam.conf`)).toBe(false);
    }
  });

  test.each([
    [MANIFEST_DATABASES + 1, 'a few'],
    [10_000, 'ten thousand'],
  ])('that names %i databases is asked for none of them', async (count) => {
    const databases = Object.fromEntries(
      Array.from({ length: count }, (_, at) => [`d${at}`, genuine.databases.test]),
    );
    serve(JSON.stringify({ ...genuine, databases }));
    await expect(client()).rejects.toMatchObject({ code: 'store/manifest' });
    const report = await probe(server.url);
    expect(report.findings).toContainEqual(expect.objectContaining({ check: 'manifest', verdict: 'fault' }));
    expect(server.asked.filter((name) => /^d\d/.test(name))).toEqual([]);
    expect(report.requests).toBeLessThan(100);
  });

  test('changes nothing outside by any field at `client`', async () => {
    await tryDoor([into], async () => await client());
  });

  test('changes nothing outside by any field at `probe`', async () => {
    await tryDoor([], async () => await probe(server.url));
  });

  test('changes nothing outside by any field at `watch`', async () => {
    await tryDoor([], async () => await look(server.url, mirror.upstream.url, { engines: [] }));
  });

  test('changes nothing outside by any field at `--restore-from`', async () => {
    const store = join(around, 'restored');
    const flags = { upstream: mirror.upstream.url, dns: 'off', databases: 'test', store };
    const restoring = syncSettings({ flags: { ...flags, 'restore-from': server.url }, environment: {} });
    await tryDoor([store], async () => {
      await rm(store, { recursive: true, force: true });
      await cycleDeps(restoring, SILENT);
    });
  });

  test('changes nothing outside by any field at the quick look', async () => {
    const environment = {
      GITHUB_EVENT_NAME: 'schedule',
      CLAMAV_MIRROR_PUBLIC_URL: server.url,
      CLAMAV_MIRROR_UPSTREAM: mirror.upstream.url,
      CLAMAV_MIRROR_DATABASES: 'test',
    };
    await tryDoor([], async () => {
      const { reason } = await quickCheck(checkSettings(environment), new Date());
      expect(reason.length).toBeLessThan(500);
    });
  });

  describe('as a store', () => {
    let store: string;
    beforeEach(async () => {
      store = join(around, 'store');
      await cp(mirror.store, store, { recursive: true, preserveTimestamps: true });
    });
    const place = async (text: string) => await writeFile(join(store, 'manifest.json'), text);
    const tryStore = async (own: readonly string[], open: () => Promise<unknown>) =>
      await tryDoor(own, open, place);

    test('changes nothing outside by any field at `status`, and nothing at all', async () => {
      await tryStore([join(store, 'manifest.json')], async () => await readPublished(new FolderStore(store)));
    });

    test('changes nothing outside by any field at `verify`, and nothing at all', async () => {
      await tryStore([join(store, 'manifest.json')], async () => await checkTree(store, TALOS));
    });

    test('changes nothing outside by any field at `sync`', async () => {
      const work = join(around, 'work');
      await tryStore([store, work], async () => {
        const parts = { store: new FolderStore(store), openProver: async () => trusting };
        await mirror.sync({ flags: { store, work }, ...parts });
      });
    });

    test('that a newer version has published is left as it is, and asks for an update of this one', async () => {
      const text = JSON.stringify({ ...genuine, format: 2, databases: 'in another way' });
      await place(text);
      const report = await mirror.sync({ flags: { store }, store: new FolderStore(store) });
      expect(report).toMatchObject({ outcome: 'failed', error: { code: 'store/newer' } });
      expect(await readFile(join(store, 'manifest.json'), 'utf8')).toBe(text);
      await expect(readPublished(new FolderStore(store))).rejects.toMatchObject({ code: 'store/newer' });
      serve(text);
      await expect(client()).rejects.toMatchObject({ code: 'store/newer' });
      expect((await probe(server.url)).findings).toContainEqual(
        expect.objectContaining({ check: 'manifest', verdict: 'warning', advice: 'Update this tool' }),
      );
    });

    test('has a manifest of a size that is known before it is read', async () => {
      await place(`${' '.repeat(MANIFEST_BYTES)}${encodeManifest(genuine)}`);
      await expect(readPublished(new FolderStore(store))).rejects.toBeInstanceOf(MirrorError);
    });
  });

  describe('that keeps its visitors busy', () => {
    const brief = { patience: { connect: 1000, idle: 1000, answer: 1000, file: 1000 } };

    test('with a manifest without an end is read as far as the limit', async () => {
      server.fail('manifest.json', { endless: true });
      await expect(client()).rejects.toMatchObject({ code: 'client/no-manifest' });
      await probe(server.url, { databases: ['test'] });
      expect(server.sent('manifest.json')).toBeLessThan(10 * MANIFEST_BYTES);
    });

    test.each([
      ['slow', { trickle: 100 }],
      ['silent', { stallAfter: 'head' }],
      ['endless', { endless: true }],
    ] as const)('with answers that are %s is given up by `probe` in its time', async (_, fault) => {
      server.fail('*', fault);
      const names = Array.from({ length: MANIFEST_DATABASES }, (_, at) => `d${at}`);
      const report = await probe(server.url, { ...brief, databases: names, timeout: 2000 });
      expect(report.verdict).toBe('failed');
      expect(report.requests).toBeLessThan(2000);
    });

    test('with always one answer more is given up by `probe` after so many requests', async () => {
      const report = await probe(server.url, { databases: ['test'], mostRequests: 10 });
      expect(report.requests).toBe(10);
      expect(report.findings).toContainEqual(expect.objectContaining({ check: 'limits', verdict: 'fault' }));
      expect(report.verdict).toBe('failed');
    });

    test('beyond its time is given up by `watch`, which tells so', async () => {
      const report = await look(server.url, mirror.upstream.url, { settings: { timeout: 1 } });
      expect(report.verdict).toBe('failed');
      expect(report.findings).toContainEqual(expect.objectContaining({ check: 'limits', verdict: 'fault' }));
      expect(report.run.failures).toContainEqual(expect.objectContaining({ class: 'host' }));
    });

    test('beyond its time is given up by `client`, with what kept it waiting', async () => {
      server.fail('manifest.json', { stallAfter: 'head' });
      const held = updateClient(
        { ...settings(), timeout: 500 },
        {
          openEngine: () => Promise.reject(new Error('nothing is to be run')),
          trust: TALOS,
          log: SILENT,
          now: () => new Date(),
          patience: { attempts: 3, wait: 50 },
        },
      );
      await expect(held).rejects.toMatchObject({
        code: expect.stringMatching(/^probe\/(?:timeout|gave-up)$/),
      });
    });

    test('with a database that never comes is given up by `client`, whose freshclam ends', async () => {
      server.fail('test.cvd', { stallAfter: 600 });
      const held = updateClient(
        { ...settings(), timeout: 6000 },
        {
          openEngine: (work) =>
            openOneEngine(parseEngineSpec('native'), { path: process.env.PATH ?? '', work, log: SILENT }),
          trust: TALOS,
          log: SILENT,
          now: () => new Date(),
          patience: { attempts: 3, wait: 50 },
        },
      );
      await expect(held).rejects.toMatchObject({ code: 'client/not-updated' });
      expect(existsSync(`${into}.freshclam.conf`)).toBe(false);
    });
  });

  describeWith(strace)('as the kernel sees its visitors', () => {
    const isOwn = (path: string) =>
      path.startsWith(around) || /^\/(?:dev|proc)\//.test(path) || /\/\.cache\/node\//.test(path);

    /** The last number is the place of the name that each is sampled with. */
    test.each<[string, () => string[], number]>([
      ['client', () => ['client', server.url, '--into', into, '--engines', 'native', '--timeout', '1'], 2],
      ['probe', () => ['probe', server.url, '--dns', 'off', '--client', '--timeout', '1'], 0],
      ['watch', () => ['watch', server.url, '--upstream', mirror.upstream.url, '--engines', 'native'], 1],
    ])('makes `%s` run no program but the engine, and touch no file but its own', async (_, args, place) => {
      const before = await outside(into);
      serve(encodeManifest(genuine));
      const good = await runWatched(args(), around);
      expect(good.programs).toContain('freshclam'); // what happens is seen
      const names = [hostileNames(marker)[0] ?? '', '../victim', `d\nOnErrorExecute touch ${marker}`];
      for (const hostile of everyNth(3, [...names.slice(place), ...names.slice(0, place)])) {
        serve(withName(genuine, ['databases', 'test'], hostile));
        const { programs, touched, exitCode } = await runWatched(args(), around);
        expect([...programs].filter((one) => !PROGRAMS.includes(one))).toEqual([]);
        expect([...touched].filter((path) => !isOwn(path))).toEqual([]);
        expect(exitCode).not.toBe(0);
        expect(existsSync(marker)).toBe(false);
        expect([...before].filter(([path]) => !existsSync(path))).toEqual([]);
      }
    });
  });
});
