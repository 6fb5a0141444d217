import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { run } from '../../scripts/setup/programs.ts';
import type { StatsReport } from '../../scripts/stats/report/report.ts';
import { describeWithWebServers, probe, publishedMirror } from '../probe/support.ts';
import { runCli, startCli } from '../support/mirror/cli.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { clamav, official } from '../support/setup/official.ts';
import { startWebServer, WEB_SERVERS } from '../support/web/web-servers.ts';
import { read } from './support.ts';

/** A client, by the version that it begins with. */
interface Player {
  readonly begins: number | undefined;
  readonly isPrivate?: true;
}

const PLAYERS: readonly Player[] = [
  { begins: undefined },
  { begins: 1 },
  { begins: 4 },
  { begins: undefined, isPrivate: true },
];
/** Updates of each: the second finds nothing new. */
const ROUNDS = 2;
/** CDIFFs of a client that begins with this version. */
const cdiffsFrom = (version: number) =>
  [2, 3, 4, 5, 6].filter((one) => one > version).map((one) => `test-${one}.cdiff`);

describeMirror('logs of real hosts, after real clients', () => {
  let mirror: TestMirror;
  beforeAll(async () => {
    mirror = await publishedMirror();
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  /** Lets all clients update from a host, and a probe look at it. */
  async function play(url: string): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'stats-clients-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await chmod(folder, 0o755);
    for (const [at, { begins, isPrivate }] of PLAYERS.entries()) {
      const own = join(folder, String(at));
      await mkdir(join(own, 'db'), { recursive: true });
      if (begins !== undefined) await copyFile(official(`test-${begins}.cvd`), join(own, 'db', 'test.cvd'));
      const lines = [
        `${isPrivate ? 'PrivateMirror' : 'DatabaseMirror'} ${url}`,
        `DatabaseOwner ${userInfo().username}`,
      ];
      await writeFile(join(own, 'freshclam.conf'), `${[...lines, 'TestDatabases no'].join('\n')}\n`);
      const places = [`--config-file=${join(own, 'freshclam.conf')}`, `--datadir=${join(own, 'db')}`];
      for (let round = 0; round < ROUNDS; round++) {
        const { exitCode, stdout } = await run(
          [clamav().freshclam, ...places, '--no-dns', '--stdout', '--update-db=test'],
          { path: process.env.PATH, environment: process.env, timeout: 60_000 },
        );
        expect(exitCode, stdout).toBe(0);
      }
    }
    await probe(url);
  }

  async function bytesOf(names: readonly string[]): Promise<number> {
    const sizes = await Promise.all(names.map(async (name) => (await stat(join(mirror.store, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Compares a report with what the clients did. */
  async function expectPlayed(report: StatsReport, hasHeaders = false): Promise<void> {
    const { version } = clamav();
    const cdiffs = PLAYERS.flatMap(({ begins }) => (begins === undefined ? [] : cdiffsFrom(begins)));
    const wholes = PLAYERS.filter(({ begins }) => begins === undefined).length;
    const checks = PLAYERS.length * ROUNDS;
    expect(report.clients).toBe(PLAYERS.length);
    expect(report.programs.listed).toMatchObject([{ name: `ClamAV ${version}`, clients: PLAYERS.length }]);
    expect(report.kinds).toMatchObject({
      check: { requests: checks },
      cdiff: { requests: cdiffs.length },
      whole: { requests: wholes },
      part: { requests: 0 },
    });
    const bytes = { cdiff: await bytesOf(cdiffs), whole: wholes * (await bytesOf(['test.cvd'])) };
    for (const kind of ['cdiff', 'whole'] as const) {
      const sent = report.kinds[kind].bytes;
      if (hasHeaders) expect(sent).toBeGreaterThan(bytes[kind]);
      else expect(sent, kind).toBe(bytes[kind]);
    }
    // a check takes 512 bytes, or none where the host says 304; a log with headers has some hundred more
    expect(report.kinds.check.bytes).toBeLessThanOrEqual(checks * (hasHeaders ? 1200 : 512));
    expect(report.kinds.check.bytes).toBeGreaterThanOrEqual((checks - PLAYERS.length) * 512);
    expect(report.notFound.listed).toMatchObject([{ name: '/test.cld', requests: ROUNDS }]);
    expect(report.monitors.requests).toBeGreaterThan(5);
    expect(report.broken.lines).toBe(0);
  }

  describeWithWebServers('behind real web servers', () => {
    test.for(WEB_SERVERS)('%s', { timeout: 180_000 }, async (name) => {
      await using server = await startWebServer(name, mirror.store);
      await play(server.url);
      await fetch(`${server.url}/the-end`);
      const path = join(server.folder, 'clamav-mirror.log');
      await written(path, '/the-end');
      const { programs, clients, notFound, ...report } = await read([path]);
      const ours = ({ name: one }: { readonly name: string }) => !/^node|the-end/.test(one);
      await expectPlayed(
        {
          ...report,
          clients: clients - 1, // the one that asked for the end
          programs: { ...programs, listed: programs.listed.filter(ours) },
          notFound: { ...notFound, listed: notFound.listed.filter(ours) },
        },
        name === 'apache',
      );
    });
  });

  test('serve --json', { timeout: 180_000 }, async () => {
    await using host = startCli(['serve', '--store', mirror.store, '--port', '0', '--json']);
    const first = await host.line();
    await play(JSON.parse(first).url);
    await host.end('SIGTERM');
    const lines = [first];
    for (let next = await lineOf(host); next !== undefined; next = await lineOf(host)) lines.push(next);
    const folder = await mkdtemp(join(tmpdir(), 'stats-log-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const path = join(folder, 'serve.json');
    await writeFile(path, `${lines.join('\n')}\n`);
    const report = await read([path]);
    expect(report.logs).toMatchObject([{ format: 'serve', requests: lines.length - 1, other: 1, broken: 0 }]);
    await expectPlayed(report);

    const page = join(mirror.store, 'local_stats');
    const told = await runCli(['stats', path, '--store', mirror.store, '--page', page, '--json']);
    expect(told).toMatchObject({ exitCode: 0, stderr: '' });
    expect(told.json()).toMatchObject({ clients: PLAYERS.length, databases: { test: { newest: 6 } } });
    expect(JSON.parse(await readFile(join(page, 'stats.json'), 'utf8'))).toMatchObject({
      clients: PLAYERS.length,
    });
    await using beside = await startHost({ folder: mirror.store });
    expect((await fetch(`${beside.url}/local_stats/index.html`)).status).toBe(404);
    expect((await mirror.sync()).outcome).toBe('unchanged');
  });
});

/** Servers write their logs when they please. */
async function written(path: string, last: string): Promise<void> {
  for (let left = 300; left > 0; left--) {
    if ((await readFile(path, 'utf8').catch(() => '')).includes(last)) return;
    await wait(100);
  }
  throw new Error(`${path} lacks ${last}`);
}

async function lineOf(host: { line(): Promise<string> }): Promise<string | undefined> {
  return await host.line().catch(() => undefined);
}
