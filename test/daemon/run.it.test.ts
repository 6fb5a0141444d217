import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, inject, onTestFinished, test, vi } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { eicar } from '../../scripts/proof/samples/samples.ts';
import { startReceiver } from '../support/alerts/receiver.ts';
import { fakeTools } from '../support/clamav/engines.ts';
import { freshclam } from '../support/clamav/update-clients.ts';
import { isRunning } from '../support/machine/is-running.ts';
import { runCli } from '../support/mirror/cli.ts';
import {
  describeMirror,
  faults,
  offer,
  published,
  sha256,
  startMirror,
  startPublished,
  type TestMirror,
  unharmed,
  versionOf,
} from '../support/mirror/cycle.ts';
import { CEPH_ENVIRONMENT } from '../support/s3/ceph.ts';
import { describeWith, have, official } from '../support/setup/official.ts';
import { type RunningMirror, type RunOptions, startRun } from './running.ts';
import { LONG } from './support.ts';

const promtool = inject('promtool');
/** A tool of ClamAV that never ends. */
const STUCK = 'echo $$ >"$HERE/pid"; while :; do sleep 1; done';

async function start(
  mirror: TestMirror,
  options: Pick<RunOptions, 'path' | 'environment'> = {},
): Promise<RunningMirror> {
  return await startRun(mirror.flags(), { ...options, socket: join(mirror.folder, 'socket') });
}

describeMirror('a mirror that runs as one process', () => {
  test('follows upstream from version 1 to 6, and clients follow it and find EICAR', async () => {
    await using mirror = await startMirror(1);
    await using run = await start(mirror);
    expect(await run.next('cycle-end')).toMatchObject({
      outcome: 'published',
      report: { databases: { test: { to: 1 } } },
    });
    const client = join(mirror.folder, 'client');
    for (const version of [1, 2, 3, 4, 5, 6]) {
      offer(mirror, version);
      if (version > 1) {
        expect(await run.sync()).toEqual({ cycle: 'begins' });
        const { report } = await run.next('cycle-end');
        expect(report?.databases).toMatchObject({ test: { from: version - 1, to: version } });
      }
      expect(await freshclam.update(client, run.url)).toBe(version);
      if (version >= 3) await expectEicar(join(client, 'db'), mirror.folder); // versions 1 and 2 have no signature
    }
    expect(await run.end('SIGTERM')).toEqual({ exitCode: 0, stderr: '' });
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('serves while it syncs, and one cycle more follows for all who ask meanwhile', async () => {
    await using mirror = await startPublished(5, 6);
    const held = Promise.withResolvers<void>();
    mirror.upstream.fail('test.cvd', { after: held.promise });
    await using run = await start(mirror);
    await vi.waitUntil(() => mirror.upstream.asked.includes('test.cvd'), { timeout: LONG });
    expect(sha256(await bytesOf(`${run.url}/test.cvd`))).toBe(sha256(await readFile(official('test-5.cvd'))));
    expect((await run.ask('/readyz')).status).toBe(200);
    expect((await run.ask('/metrics')).text).toMatch(
      /^clamav_mirror_run_cycle_running_since_timestamp_seconds \d+$/m,
    );
    run.signal('SIGHUP');
    expect(await run.next('asked')).toMatchObject({ by: 'SIGHUP', cycle: 'follows' });
    expect(await run.sync()).toEqual({ cycle: 'follows' });
    held.resolve();
    expect(await run.next('cycle-end')).toMatchObject({ cycle: 1, outcome: 'published' });
    expect(await run.next('cycle-end')).toMatchObject({ cycle: 2, outcome: 'unchanged' });
    expect(sha256(await bytesOf(`${run.url}/test.cvd`))).toBe(sha256(await readFile(official('test-6.cvd'))));
    run.signal('SIGHUP');
    expect(await run.next('asked', ({ cycle }) => cycle === 'begins')).toMatchObject({ by: 'SIGHUP' });
    expect(await run.next('cycle-end')).toMatchObject({ cycle: 3 });
    expect((await stat(join(mirror.folder, 'socket'))).mode & 0o777).toBe(0o600);
  });

  test.each(['SIGKILL', 'SIGSEGV'] as const)(
    'outlives a cycle that dies by %s, and tells of it',
    async (signal) => {
      await using mirror = await startPublished(5, 6);
      mirror.upstream.fail('test.cvd', { stallAfter: 'head', times: 1 });
      await using run = await start(mirror);
      await vi.waitUntil(() => mirror.upstream.asked.includes('test.cvd'), { timeout: LONG });
      await unharmed(mirror, async () => {
        process.kill(await run.cyclePid(), signal);
        expect(await run.next('cycle-end')).toMatchObject({ outcome: 'died', signal, exitCode: null });
      });
      const ready = await run.ask('/readyz');
      expect({ ...ready, text: JSON.parse(ready.text) }).toMatchObject({
        status: 200, // what is published is as it was
        text: { ready: true, lastCycle: { outcome: 'died', signal } },
      });
      const { text } = await run.ask('/metrics');
      expect(text).toContain('clamav_mirror_run_cycles_total{outcome="died"} 1\n');
      expect(text).toContain(
        `clamav_mirror_run_last_cycle_exit_code{signal="${signal}",outcome="died"} -1\n`,
      );
      await run.sync();
      expect(await run.next('cycle-end')).toMatchObject({ outcome: 'published' });
    },
  );

  test('tells the addresses of --alert of a cycle that died, which could not tell itself', async () => {
    await using mirror = await startPublished(5, 6);
    await using receiver = await startReceiver();
    mirror.upstream.fail('test.cvd', { stallAfter: 'head', times: 1 });
    const told = () => receiver.taken.map(({ json: { type, data } }) => [type, data.failure?.code]);
    const environment = {
      CLAMAV_MIRROR_ALERT: receiver.address('webhook'),
      CLAMAV_MIRROR_ISSUE_AFTER: '1',
    };
    await using run = await start(mirror, { environment });
    await vi.waitUntil(() => mirror.upstream.asked.includes('test.cvd'), { timeout: LONG });
    process.kill(await run.cyclePid(), 'SIGKILL');
    await vi.waitUntil(() => existsSync(join(mirror.work, 'alerts.json')), { timeout: LONG });
    expect(told()).toEqual([['mirror.failing', 'run/ended']]);
    expect(receiver.taken[0]?.json.data.failure.what).toContain('SIGKILL');
    await run.sync();
    expect(await run.next('cycle-end', ({ outcome }) => outcome !== 'died')).toMatchObject({
      outcome: 'published',
    });
    expect(told().at(-1)?.[0]).toBe('mirror.well'); // it was told before the cycle ended
  });

  test('is told by the mirror that it follows, and follows at once', async () => {
    await using first = await startMirror(5);
    expect((await first.sync()).outcome).toBe('published');
    await using host = await startHost({ folder: first.store });
    await using second = await startMirror();
    const secret = `whsec_${Buffer.from('a secret of two mirrors').toString('base64')}`;
    await using run = await startRun(second.flags({ upstream: host.url }), {
      environment: { CLAMAV_MIRROR_PUSH_SECRET: secret },
    });
    expect(await run.next('cycle-end')).toMatchObject({ report: { databases: { test: { to: 5 } } } });
    offer(first, 6);
    const told = `${run.admin}/push#secret=${encodeURIComponent(secret)}&events=publications`;
    const { exitCode } = await first.syncCli([], { environment: { CLAMAV_MIRROR_ALERT: told } });
    expect(exitCode).toBe(0);
    expect(await run.next('asked')).toMatchObject({ by: 'push', cycle: 'begins' });
    expect(await run.next('cycle-end')).toMatchObject({ report: { databases: { test: { to: 6 } } } });
  });

  test('is not ready before anything is published, nor when what is published is damaged', async () => {
    await using mirror = await startMirror(6);
    const held = Promise.withResolvers<void>();
    mirror.upstream.fail('*', { after: held.promise });
    await using run = await start(mirror);
    expect((await run.ask('/healthz')).status).toBe(200);
    expect((await run.ask('/readyz')).status).toBe(503);
    expect((await fetch(`${run.url}/test.cvd`)).status).toBe(404);
    held.resolve();
    await run.next('readiness', ({ ready }) => ready);
    expect((await run.ask('/readyz')).status).toBe(200);
    await rm(join(mirror.store, 'test.cvd'));
    await vi.waitUntil(async () => (await run.ask('/readyz')).status === 503, { timeout: LONG });
    await run.sync();
    await run.next('readiness', ({ ready }) => ready);
    expect(await versionOf(mirror.store)).toBe(6);
  });

  test('leaves upstream alone until a cool-down is over', async () => {
    await using mirror = await startPublished(5, 6);
    mirror.upstream.fail('*', { status: 429, retryAfter: '36000' });
    await using run = await start(mirror);
    const { next, report } = await run.next('cycle-end');
    const until = Date.now() + 36_000_000 - 600_000; // that it took less than ten minutes is all that this takes for granted
    expect(report?.databases).toMatchObject({ test: { code: 'upstream/cool-down' } });
    expect(Date.parse(next)).toBeGreaterThan(until);
    mirror.upstream.forget();
    await run.sync();
    await run.next('cycle-end');
    expect(mirror.upstream.asked).toEqual([]);
  });

  test('keeps a mirror alone: a second one is refused, and the first goes on', async () => {
    await using mirror = await startPublished(5, 5);
    await using run = await start(mirror);
    await run.next('cycle-end');
    const second = await runCli(['run', '--port', '0', '--admin', 'off', ...mirror.flags()]);
    expect(second).toMatchObject({ exitCode: 1, stdout: '' });
    expect(second.stderr).toContain('daemon/running');
    await run.sync();
    expect(await run.next('cycle-end')).toMatchObject({ outcome: 'unchanged' });
  });

  test('lets a sync by hand go first, and comes again', async () => {
    await using mirror = await startPublished(5, 6);
    const held = Promise.withResolvers<void>();
    mirror.upstream.fail('test.cvd', { after: held.promise, times: 1 });
    const byHand = mirror.syncCli();
    await vi.waitUntil(() => mirror.upstream.asked.includes('test.cvd'), { timeout: LONG });
    await using run = await start(mirror);
    expect(await run.next('cycle-end')).toMatchObject({ outcome: 'busy' });
    held.resolve();
    expect((await byHand).exitCode).toBe(0);
    await run.sync();
    expect(await run.next('cycle-end')).toMatchObject({
      outcome: 'unchanged',
      report: { databases: { test: { to: 6 } } },
    });
  });

  describeWith(promtool)('and Prometheus', () => {
    test('tells metrics that it understands, before and after the first publication', async () => {
      await using mirror = await startMirror(6);
      const held = Promise.withResolvers<void>();
      mirror.upstream.fail('*', { after: held.promise });
      await using run = await start(mirror);
      const check = async () => {
        const { text: input } = await run.ask('/metrics');
        const { stdout, stderr, status } = spawnSync(have(promtool), ['check', 'metrics'], {
          input,
          encoding: 'utf8',
        });
        return { said: `${stdout}${stderr}`, status };
      };
      expect(await check()).toEqual({ said: '', status: 0 });
      held.resolve();
      await run.next('cycle-end');
      await fetch(`${run.url}/no-such-file`);
      expect(await check()).toEqual({ said: '', status: 0 });
      expect((await run.ask('/metrics')).text).toContain(
        'clamav_mirror_run_requests_total{status="404"} 1\n',
      );
    });
  });
});

describeMirror('a mirror that is told to end', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('between two cycles, by %s, ends well', async (signal) => {
    await using mirror = await startPublished(6, 6);
    await using run = await start(mirror);
    await run.next('cycle-end');
    await endsWell(run, signal);
  });

  test('while it surveys, ends well, and changes nothing', async () => {
    await using mirror = await startPublished(5, 6);
    mirror.upstream.fail('*', { stallAfter: 'head' });
    await using run = await start(mirror);
    await vi.waitUntil(() => mirror.upstream.requests.length > 0, { timeout: LONG });
    await unharmed(mirror, async () => await endsWell(run, 'SIGTERM', 'stopped'));
    await goesOn(mirror);
  });

  test('while it acquires, ends well, and changes nothing', async () => {
    await using mirror = await startPublished(5, 6);
    mirror.upstream.fail('test.cvd', { times: 1 }, { stallAfter: 5_000 });
    await using run = await start(mirror);
    await vi.waitUntil(() => mirror.upstream.sent('test.cvd') >= 5_000, { timeout: LONG });
    await unharmed(mirror, async () => await endsWell(run, 'SIGTERM', 'stopped'));
    await goesOn(mirror);
  });

  test('while ClamAV proves, ends well, and ClamAV with it', async () => {
    await using tools = await fakeTools({ freshclam: STUCK });
    await using mirror = await startPublished(5, 6);
    await using run = await start(mirror, { path: tools.path });
    const pid = await vi.waitUntil(
      async () => Number(await readFile(join(tools.folder, 'pid'), 'utf8').catch(() => '')),
      { timeout: LONG },
    );
    await unharmed(mirror, async () => await endsWell(run, 'SIGTERM', 'stopped'));
    await vi.waitUntil(() => !isRunning(pid), { timeout: LONG });
    await goesOn(mirror);
  });

  test('while it publishes, ends well, and serves the old state or the new one', async () => {
    await using mirror = await startPublished(5, 6);
    const held = Promise.withResolvers<void>();
    mirror.upstream.fail('test.cvd', { after: held.promise });
    await using run = await start(mirror);
    const first = Promise.withResolvers<void>();
    const watcher = watch(mirror.store, () => first.resolve()); // the first file that arrives is of the publication
    held.resolve();
    await first.promise;
    watcher.close();
    await endsWell(run, 'SIGTERM');
    expect([5, 6]).toContain(await versionOf(mirror.store));
    expect(await faults(mirror.store)).toEqual([]);
    await goesOn(mirror);
  });

  test('while it reads back, ends well, and serves what it has proven', async () => {
    await using mirror = await startPublished(5, 6);
    mirror.upstream.fail('manifest.json', { stallAfter: 'head' }); // stands for a public address that does not answer
    const flags = mirror.flags({ 'public-url': mirror.upstream.url });
    await using run = await startRun(flags);
    await vi.waitUntil(() => mirror.upstream.asked.includes('manifest.json'), { timeout: LONG });
    await endsWell(run, 'SIGTERM', 'stopped');
    expect(await versionOf(mirror.store)).toBe(6);
    expect(await faults(mirror.store)).toEqual([]);
  });

  test('while its bucket answers nothing, does not wait for it', async () => {
    await using mirror = await startMirror(6);
    const asked = Promise.withResolvers<void>();
    await using bucket = createServer(() => asked.resolve());
    await once(bucket.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(() => bucket.closeAllConnections());
    const { port } = bucket.address() as AddressInfo;
    const flags = mirror.flags({ store: 's3://bucket', 's3-endpoint': `http://127.0.0.1:${port}` });
    await using run = await startRun(flags, { environment: CEPH_ENVIRONMENT });
    await asked.promise;
    await endsWell(run, 'SIGTERM', 'stopped');
  });

  test('lets a client have the rest of its file', async () => {
    await using mirror = await startPublished(5, 5);
    await using run = await start(mirror);
    await run.next('cycle-end');
    const answer = await fetch(`${run.url}/test.cvd`);
    const over = run.end('SIGTERM');
    await run.next('stop');
    expect((await answer.arrayBuffer()).byteLength).toBe((await stat(official('test-5.cvd'))).size);
    expect((await over).exitCode).toBe(0);
  });
});

/** Tells it to end: it does so with exit code 0, and no cycle of it is left. */
async function endsWell(run: RunningMirror, signal: NodeJS.Signals, outcome?: string): Promise<void> {
  const cycle = await run.cyclePid();
  expect(await run.end(signal)).toEqual({ exitCode: 0, stderr: '' });
  if (outcome !== undefined) expect(await run.next('cycle-end')).toMatchObject({ outcome });
  expect(run.events.at(-1)?.event).toBe('end');
  if (cycle > 0) expect(isRunning(cycle)).toBe(false);
}

/** The next start of the same mirror takes up what the last one left. */
async function goesOn(mirror: TestMirror): Promise<void> {
  mirror.upstream.fail('*');
  mirror.upstream.fail('test.cvd');
  await using run = await start(mirror);
  await run.next('cycle-end', ({ report }) => report?.databases.test?.to === 6);
  expect(await faults(mirror.store)).toEqual([]);
  expect(Object.keys(await published(mirror.store))).toContain('test.cvd');
}

async function bytesOf(url: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer());
}

async function expectEicar(databases: string, folder: string): Promise<void> {
  const sample = join(folder, 'eicar.com');
  await writeFile(sample, eicar());
  const { stdout, status } = spawnSync('clamscan', [`--database=${databases}`, '--no-summary', sample]);
  expect({ said: stdout.toString(), status }).toEqual({ said: expect.stringContaining(' FOUND'), status: 1 });
}
