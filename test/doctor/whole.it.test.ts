import { existsSync, readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { startCaller } from '../action/support.ts';
import { environment } from '../notify/support.ts';
import { startGitHub } from '../support/github/api.ts';
import { runCli, startCli } from '../support/mirror/cli.ts';
import { describeMirror, hashes, namesIn, startPublished, type TestMirror } from '../support/mirror/cycle.ts';
import { CEPH_ENVIRONMENT } from '../support/s3/ceph.ts';
import { freePort } from '../support/web/ports.ts';
import { NOBODY, readDescription, temporaryFolder } from './support.ts';

beforeAll(readDescription);

describeMirror('doctor', () => {
  let mirror: TestMirror;
  beforeEach(async () => {
    mirror = await startPublished(5, 6);
  });
  afterEach(async () => await mirror[Symbol.asyncDispose]());

  test('finds a good machine fit to sync, asks upstream once, and leaves nothing', async () => {
    await using host = await startHost({ folder: mirror.store });
    await using github = await startGitHub();
    const before = { store: await hashes(mirror.store), work: await namesIn(mirror.work) };
    const args = ['doctor', ...mirror.flags({ 'public-url': host.url })];
    const variables = { ...environment(github), LANG: 'C.UTF-8' };
    const run = await runCli([...args, '--json'], { environment: variables });
    expect(run.exitCode, run.stdout).toBe(0);
    const found = run.json() as { check: string; ok?: true; skipped?: true }[];
    const kinds = found.map(
      ({ check, ok, skipped }) => `${check}: ${ok ? 'ok' : skipped ? 'skipped' : 'bad'}`,
    );
    expect(kinds).toEqual([
      'node: ok',
      'clamav: ok',
      'work: ok',
      'store: ok',
      'readable: ok',
      'dns: skipped',
      'upstream: ok',
      'clock: ok',
      'proxies: skipped',
      'certificates: skipped',
      'public-url: ok',
      'alerts: skipped',
      'github: ok',
      'issues: ok',
      'schedule: ok',
    ]);
    expect(mirror.upstream.requests).toMatchObject([{ name: 'test.cvd', range: 'bytes=0-521' }]);
    const text = await runCli(args, { environment: variables });
    expect(text.exitCode).toBe(0);
    expect(text.stdout.split('\n').filter((line) => /^[✓–] \S/.test(line))).toHaveLength(kinds.length);
    expect(text.stdout).toMatch(/^Fit to sync: clamav-mirror sync/m);
    const after = { store: await hashes(mirror.store), work: await namesIn(mirror.work) };
    expect(after).toEqual(before);
    expect(await namesIn(mirror.folder)).toEqual(['mirror', 'mirror.work']);
  });

  test('does not wait for a run that is under way, and does not disturb it', async () => {
    mirror.upstream.fail('test.cvd', { times: 1, trickle: 20 });
    const sync = mirror.syncCli();
    await expect.poll(() => mirror.upstream.requests.length).toBe(1);
    const run = await runCli(['doctor', '--json', ...mirror.flags()]);
    expect(run.exitCode, run.stdout).toBe(0);
    const { exitCode, stderr } = await sync;
    expect(exitCode, stderr).toBe(0);
  });

  test('as a command of the action tells the log, the summary and its outcome, and nobody else', async () => {
    await using github = await startGitHub();
    await using caller = await startCaller(github);
    github.admit('ghs_ofTheWorkflow', { issues: 'write', actions: 'read' });
    const inputs = {
      command: 'doctor',
      upstream: mirror.upstream.url,
      databases: 'test',
      store: mirror.store,
    };
    const well = await caller.call({ ...inputs, issues: 'true' });
    expect(well.exitCode, well.log).toBe(0);
    expect(well.outputs).toMatchObject({ outcome: 'good' });
    expect(well.summary).toMatch(/✅ Fit to sync/);
    expect(well.annotations).toEqual([]);
    const ill = await caller.call({ ...inputs, upstream: NOBODY, issues: 'true' });
    expect(ill.exitCode).toBe(1);
    expect(ill.outputs).toMatchObject({ outcome: 'failed' });
    expect(ill.summary).toMatch(/❌ 1 to mend/);
    expect(ill.told).toMatch(/^warning: upstream: .*curl/);
    expect(github.issues).toEqual([]);
  });
});

describe('what does not answer', () => {
  /** Takes connections and says nothing. */
  const startSilence = async (): Promise<string> => {
    const server: Server = createServer(() => {});
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${port}`;
  };

  test('is a fault in its time, and the command then ends', async () => {
    const silence = await startSilence();
    const folder = temporaryFolder();
    const where = ['--store', 's3://bucket', '--s3-endpoint', silence, '--work', join(folder, 'work')];
    const others = ['--upstream', silence, '--dns', 'off', '--public-url', silence, '--databases', 'test'];
    const run = await runCli(['doctor', '--json', ...where, ...others], { environment: CEPH_ENVIRONMENT });
    expect({ exitCode: run.exitCode, signal: run.signal }).toEqual({ exitCode: 1, signal: null });
    const bad = (run.json() as { check: string; ok?: boolean }[]).filter(({ ok }) => ok === false);
    expect(bad.map(({ check }) => check)).toEqual(
      expect.arrayContaining(['bucket', 'conditions', 'upstream', 'public-url']),
    );
    expect(readdirSync(folder)).toEqual([]);
  });

  test('leaves nothing when somebody has enough of it', async () => {
    const folder = temporaryFolder();
    const [store, work] = [join(folder, 'mirror'), join(folder, 'mirror.work')];
    const silence = await startSilence();
    const flags = ['--store', store, '--upstream', silence, '--dns', 'off'];
    await using running = startCli(['doctor', ...flags]);
    for (const place of [store, work]) {
      await expect
        .poll(() => existsSync(place) && readdirSync(place))
        .toEqual([expect.stringMatching(/^\.tmp-doctor-/)]);
    }
    await running.end('SIGINT');
    expect(readdirSync(folder)).toEqual([]);
  });
});
