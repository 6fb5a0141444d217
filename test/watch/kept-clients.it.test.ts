import { appendFile, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CLIENTS } from '../../scripts/watch/kept-clients.ts';
import { trusting } from '../support/clamav/engines.ts';
import { describeMirror, offer, startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { startUpstream, type TestUpstream } from '../support/mirror/upstream.ts';
import { look, problems } from './support.ts';

/** In the middle of a day, which none of these tests leaves by chance. */
const NOON = Date.UTC(2026, 10, 28, 12);

/** The life of one client: each test goes on where the one before it ended. */
describeMirror('a client of the watch that keeps its databases', () => {
  let mirror: TestMirror;
  let host: TestUpstream;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clients-'));
    mirror = await startMirror(4);
    host = await startUpstream(new Map());
    await publish();
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    await mirror[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const at = (days: number) => () => new Date(NOON + days * 86_400_000);
  async function publish(): Promise<void> {
    expect((await mirror.sync({ now: at(0), openProver: async () => trusting })).outcome).toBe('published');
    for (const entry of await readdir(mirror.store, { withFileTypes: true }))
      if (entry.isFile()) host.set(entry.name, join(mirror.store, entry.name));
  }
  /** One watch: what its client said, and what it asked for beside what the probe alone asks for. */
  async function watched(days = 0) {
    const now = at(days);
    const settings = { clients: folder, limits: { warn: 99 * 86_400_000, fail: 99 * 86_400_000 } };
    const wholes = () =>
      host.requests.filter(({ name, range }) => name === 'test.cvd' && range === undefined).length;
    host.forget();
    await look(host.url, mirror.upstream.url, { engines: [], now, settings });
    const [probed, bytes] = [wholes(), host.sent('test.cvd')];
    host.forget();
    const report = await look(host.url, mirror.upstream.url, { now, settings });
    return {
      report,
      said: report.findings.find(({ check }) => check === 'freshclam, native')?.what,
      cdiffs: host.requests
        .filter(({ name, range }) => name.endsWith('.cdiff') && range === undefined)
        .map(({ name }) => name),
      downloads: wholes() - probed,
      bytes: host.sent('test.cvd') - bytes,
    };
  }

  test('begins with nothing', async () => {
    const { said, downloads, report } = await watched();
    expect(problems(report)).toEqual([]);
    expect(said).toMatch(/^a new client gets all of it/);
    expect(downloads).toBe(1);
    expect((await readdir(folder)).sort()).toEqual([CLIENTS, 'copies']);
  });

  test('takes no database the next time, and still scans with what it has', async () => {
    const { said, downloads, bytes, report } = await watched();
    expect(said).toMatch(/^a client that had test 4 gets all of it/);
    expect(report.findings.find(({ check }) => check === 'clamscan, native')?.what).toMatch(/finds EICAR/);
    expect(downloads).toBe(0);
    expect(bytes).toBeLessThan(1024);
  });

  test('updates by CDIFFs, and keeps what came of them', async () => {
    offer(mirror, 5);
    await publish();
    expect(await watched()).toMatchObject({
      said: expect.stringMatching(/had test 4 gets all/),
      downloads: 0,
    });
    expect(await watched()).toMatchObject({
      said: expect.stringMatching(/had test 5 gets all/),
      downloads: 0,
    });
    expect(await readdir(join(folder, 'copies'))).toHaveLength(1);
  });

  test('begins anew on another day', async () => {
    expect(await watched(1)).toMatchObject({ said: expect.stringMatching(/^a new client/), downloads: 1 });
  });

  test('shows that clients stay behind where a CDIFF is missing, and is tried with nothing', async () => {
    await watched();
    offer(mirror, 6);
    await publish();
    host.fail('test-6.cdiff', { status: 404 });
    const { said, report } = await watched();
    expect(said).toMatch(/^a client that had test 5 gets version 5 of test, not version 6/);
    expect(problems(report)).toContain('freshclam, native: warning');
    expect(report.findings.filter(({ check }) => check === 'freshclam, native').at(-1)?.verdict).toBe('good');
    host.fail('test-6.cdiff');
  });

  test.each<[string, () => Promise<void>]>([
    ['is no record', async () => await writeFile(join(folder, CLIENTS), '{"format":1,"clients":[')],
    ['has no end', async () => await appendFile(join(folder, CLIENTS), ' '.repeat(100_000))],
    [
      'names files elsewhere',
      async () => {
        const text = await readFile(join(folder, CLIENTS), 'utf8');
        await writeFile(join(folder, CLIENTS), text.replaceAll('"test":', '"../../test":'));
      },
    ],
    ['leads elsewhere', async () => await replaceCopy((path) => symlink('/etc/passwd', path))],
    ['is another file', async () => await replaceCopy((path) => writeFile(path, 'nothing of Talos'))],
  ])('begins anew if what it kept %s', async (_, spoil) => {
    await watched();
    await spoil();
    const { said, report } = await watched();
    expect(problems(report)).toEqual([]);
    expect(said).toMatch(/^a new client gets all of it/);
  });

  async function replaceCopy(by: (path: string) => Promise<void>): Promise<void> {
    const copies = join(folder, 'copies');
    for (const name of await readdir(copies)) {
      await rm(join(copies, name));
      await by(join(copies, name));
    }
  }
});
