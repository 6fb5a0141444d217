import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkTree } from '../../scripts/mirror/check/check-tree.ts';
import { fetchTree } from '../../scripts/mirror/check/fetch-tree.ts';
import { encodeManifest, type Manifest, parseManifest } from '../../scripts/mirror/manifest.ts';
import { s3Settings } from '../../scripts/store/s3/address.ts';
import { S3Store } from '../../scripts/store/s3/store.ts';
import { TALOS } from '../../scripts/verify/trust.ts';
import { startReceiver } from '../support/alerts/receiver.ts';
import { describeWithImages, engineImages } from '../support/docker/docker.ts';
import { type FakeGitHub, startGitHub } from '../support/github/api.ts';
import { type CacheService, startCacheService } from '../support/github/cache-service.ts';
import { offered } from '../support/mirror/cycle.ts';
import { startUpstream, type TestUpstream } from '../support/mirror/upstream.ts';
import { type RunOptions, startWorkflow, type WorkflowResult } from '../support/runner/run.ts';
import { githubScript, PROJECT } from '../support/runner/stand-ins.ts';
import { CEPH_USER } from '../support/s3/ceph.ts';
import { describeWithCeph, newBucket, type TestBucket } from '../support/s3/s3.ts';
import { workflowSettings } from '../support/s3/workflow-settings.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';

const WORKFLOW = join(import.meta.dirname, '../../.github/workflows/mirror.yml');

function checkedThreeHoursAgo({ databases, ...manifest }: Manifest): Manifest {
  const checked = new Date(Date.now() - 3 * 3_600_000).toISOString();
  const older = Object.entries(databases).map(([name, { seen, ...record }]) => [
    name,
    { ...record, checked, ...(seen && { seen: { ...seen, at: checked } }) },
  ]);
  return { ...manifest, checked, databases: Object.fromEntries(older) };
}

interface Healthcheck extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly string[];
  status: number;
}

async function startHealthcheck(): Promise<Healthcheck> {
  const asked: string[] = [];
  const server = createServer(({ method, url }, response) => {
    asked.push(`${method} ${url}`);
    response.writeHead(healthcheck.status).end('OK');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const healthcheck: Healthcheck = {
    url: `http://127.0.0.1:${Object(server.address()).port}`,
    asked,
    status: 200,
    async [Symbol.asyncDispose]() {
      server.close().closeAllConnections();
    },
  };
  return healthcheck;
}

/** The life of one mirror: each test goes on where the one before it ended. */
describeWithOfficial('mirror.yml', () =>
  describeWithImages('newest', 'oldest')('with services', () =>
    describeWithCeph('and a bucket', (ceph) => {
      let upstream: TestUpstream;
      let bucket: TestBucket;
      let github: FakeGitHub;
      let cache: CacheService;
      let folder: string;
      let count = 0;

      beforeAll(async () => {
        folder = await mkdtemp(join(tmpdir(), 'workflow-'));
        upstream = await startUpstream(offered(4));
        bucket = await newBucket(ceph);
        await bucket.openToAll();
        github = await startGitHub({ slug: 'acme/mirror' });
        cache = await startCacheService();
      });
      afterAll(async () => {
        await cache.close();
        await github.close();
        await upstream[Symbol.asyncDispose]();
        await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }); // what was cancelled may still write
      });

      const publicUrl = () => `${ceph.endpoint}/${bucket.name}`;
      const settings = () => workflowSettings(ceph, bucket, upstream);
      const options = (change: Partial<RunOptions>): RunOptions => ({
        folder: join(folder, `run-${++count}`),
        event: 'schedule',
        github: {
          repository: 'acme/mirror',
          api_url: github.url,
          run_id: String(1000 + count),
          server_url: 'https://github.com',
        },
        vars: { ...settings().vars, ...engineImages().vars },
        secrets: settings().secrets,
        images: engineImages().images,
        actions: { 'actions/github-script': githubScript },
        runtime: cache.env,
        onToken: (grant) => github.admit(grant.token, grant.permissions),
        ...change,
      });
      const start = (change: Partial<RunOptions> = {}) => startWorkflow(WORKFLOW, options(change));
      const run = async (change?: Partial<RunOptions>) => await start(change).result;
      const ask = async (inputs: Record<string, unknown>) =>
        await run({ event: 'workflow_dispatch', inputs });

      const published = async (): Promise<Manifest> =>
        parseManifest(String(await bucket.get('manifest.json')), bucket.name);
      const openIssues = () =>
        github.issues.filter(({ state }) => state === 'open').map(({ title }) => title);
      const results = ({ jobs }: WorkflowResult) =>
        Object.fromEntries(Object.entries(jobs).map(([name, { result }]) => [name, result]));

      async function requireProven(version: number): Promise<void> {
        expect((await published()).databases.test?.version).toBe(version);
        const copy = await mkdtemp(join(folder, 'tree-'));
        await fetchTree(new S3Store(s3Settings(`s3://${bucket.name}`, { endpoint: ceph.endpoint })), copy);
        const verdicts = (await checkTree(copy, TALOS)).map(({ verdict }) => verdict);
        expect(new Set(verdicts)).toEqual(new Set(['proven']));
      }

      test('the first run publishes what upstream has, proven by both services', async () => {
        const ended = await run();
        expect(results(ended), ended.jobs.mirror?.log).toEqual({
          check: 'success',
          mirror: 'success',
          notify: 'skipped', // there is nothing to tell, and no issue to close
        });
        const { mirror, check } = ended.jobs;
        expect(check?.permissions).toMatchObject({ contents: 'read', issues: 'read' });
        expect(mirror?.permissions).toMatchObject({ contents: 'read', 'id-token': 'write' });
        expect(mirror?.outputs).toMatchObject({ outcome: 'published', versions: '{"test":4}' });
        expect(mirror?.summary).toMatch(/^## ✅ Published/);
        expect(mirror?.summary).toContain('| test | – | 4 | downloaded |');
        expect(mirror?.log).not.toContain(CEPH_USER.secretAccessKey);
        expect((await published()).proof.engines).toHaveLength(2);
        await requireProven(4);
        expect(openIssues()).toEqual([]);
        expect(cache.entries).toHaveLength(1);
      });

      test('a run without news ends after its check job', async () => {
        const before = upstream.requests.length;
        const ended = await run();
        expect(results(ended)).toEqual({ check: 'success', mirror: 'skipped', notify: 'skipped' });
        const { check } = ended.jobs;
        expect(check?.outputs).toMatchObject({ needed: 'false', proof: 'false', issue: 'false' });
        expect(check?.steps.map(({ name, outcome }) => `${name}: ${outcome}`)).toEqual([
          'Check out: success',
          'Set up Node: success',
          'Look: success',
        ]);
        expect(check?.log).not.toMatch(/npm|docker|container/);
        expect(upstream.requests.slice(before)).toMatchObject([
          { name: 'test.cvd', range: 'bytes=0-511' },
          { name: 'test-4.cvd.sign' }, // which upstream did not have yet
        ]);
      });

      test('a run without news that is due confirms what is published, without any service', async () => {
        const before = await published();
        await bucket.plant('manifest.json', encodeManifest(checkedThreeHoursAgo(before)));
        const earlier = upstream.requests.length;
        const ended = await run();
        const { mirror } = ended.jobs;
        expect(results(ended), mirror?.log).toEqual({
          check: 'success',
          mirror: 'success',
          notify: 'skipped',
        });
        expect(mirror?.outputs).toMatchObject({ outcome: 'unchanged', versions: '{"test":4}' });
        expect(mirror?.log).not.toMatch(/service container|proving the stage/);
        expect(upstream.requests.slice(earlier).filter(({ sent }) => sent > 522)).toEqual([]);
        expect(Date.parse((await published()).checked)).toBeGreaterThanOrEqual(Date.parse(before.checked));
        const [epoch] = String(await bucket.get('timestamp')).split(' ');
        expect(Number(epoch) * 1000).toBeGreaterThanOrEqual(
          Math.floor(Date.parse(before.checked) / 1000) * 1000,
        );
      });

      test('a run without news tells the healthcheck of it, once and without a word in the log', async () => {
        await using healthcheck = await startHealthcheck();
        const vars = { ...options({}).vars, CLAMAV_MIRROR_HEALTHCHECK_EVERY: '0' };
        const secrets = { CLAMAV_MIRROR_HEALTHCHECK_URL: `${healthcheck.url}/6f0b-secret` };
        const ended = await run({ vars, secrets });
        expect(results(ended)).toEqual({ check: 'success', mirror: 'skipped', notify: 'skipped' });
        expect(healthcheck.asked).toEqual(['POST /6f0b-secret']);
        expect(JSON.stringify(ended.jobs)).not.toContain('6f0b-secret');
        healthcheck.status = 500;
        expect((await run({ vars, secrets })).conclusion).toBe('success');
      });

      test('called from another repository, it runs what is in its own', async () => {
        const theirs = await mkdtemp(join(folder, 'theirs-'));
        const ended = await run({
          event: { name: 'workflow_call', caller: 'schedule' },
          workflowRepository: 'vendor/clamav-mirror',
          repositories: { 'acme/mirror': theirs, 'vendor/clamav-mirror': PROJECT },
          inputs: {
            store: `s3://${bucket.name}`,
            'public-url': publicUrl(),
            upstream: upstream.url,
            databases: 'test',
          },
          vars: {},
        });
        expect(results(ended)).toEqual({ check: 'success', mirror: 'skipped', notify: 'skipped' });
        expect(ended.jobs.check?.log).toContain('Nothing to do');
      });

      test('without a store nothing runs', async () => {
        expect(results(await run({ vars: {} }))).toEqual({
          check: 'skipped',
          mirror: 'skipped',
          notify: 'skipped',
        });
      });

      test('doctor by hand looks at all that a run needs, changes nothing, and opens no issue', async () => {
        const before = await bucket.keys();
        const ended = await ask({ command: 'doctor' });
        const { mirror } = ended.jobs;
        expect(results(ended), mirror?.log).toEqual({
          check: 'success',
          mirror: 'success',
          notify: 'skipped',
        });
        expect(mirror?.outputs.outcome).toBe('good');
        const lines = mirror?.summary.split('\n').filter((line) => line.startsWith('| ✅')) ?? [];
        const checks = lines.map((line) => line.split('|')[2]?.trim().replace(/ .*/, ''));
        expect(checks).toEqual(
          expect.arrayContaining(['clamav', 'bucket', 'public-url', 'github', 'schedule']),
        );
        expect(await bucket.keys()).toEqual(before);
        expect(openIssues()).toEqual([]);
      });

      test('an update is rebuilt from the CDIFF, with what is published out of the cache', async () => {
        for (const [name, path] of offered(5)) upstream.set(name, path);
        upstream.forget();
        const { jobs } = await run();
        expect(jobs.mirror?.outputs, jobs.mirror?.log).toMatchObject({
          outcome: 'published',
          versions: '{"test":5}',
        });
        expect(jobs.mirror?.summary).toContain('| test | 4 | 5 | rebuilt |');
        expect(jobs.mirror?.log).toContain('cache: restored');
        expect(upstream.sent('test.cvd')).toBeLessThan(2000);
        await requireProven(5);
        expect(cache.entries.length).toBeGreaterThan(1);
      });

      test('an upstream that is down becomes an issue once runs in a row have failed', async () => {
        upstream.fail('*', { status: 503 });
        const before = await published();
        for (const id of [1, 2]) {
          github.runs.push({ id, conclusion: 'failure', at: new Date().toISOString(), file: 'mirror.yml' });
        }
        await using receiver = await startReceiver();
        const secrets = { ...settings().secrets, CLAMAV_MIRROR_ALERT: receiver.address('webhook') };
        const ended = await run({ secrets });
        expect(results(ended)).toEqual({ check: 'success', mirror: 'failure', notify: 'success' });
        const { jobs } = ended;
        expect(jobs.mirror?.outputs.outcome).toBe('failed');
        // the job that syncs tells it, and the one that writes issues knows that from the cache
        expect(receiver.taken.map(({ json }) => json.type)).toEqual(['mirror.failing']);
        expect(JSON.stringify(jobs)).not.toContain(receiver.url);
        expect(jobs.mirror?.annotations.map(({ properties }) => properties.title)).toContain(
          'upstream: upstream/unavailable',
        );
        expect(jobs.notify?.permissions).toMatchObject({ issues: 'write', actions: 'read' });
        const issue = github.issues.at(-1);
        expect(issue).toMatchObject({ state: 'open', labels: ['clamav-mirror', 'clamav-mirror: upstream'] });
        expect(issue?.body).toContain('https://github.com/acme/mirror/actions/runs/');
        expect(await published()).toEqual(before);
      });

      test('a database that is not genuine is refused: at once an issue, and the mirror stays as it was', async () => {
        upstream.fail('*');
        for (const [name, path] of offered(6)) upstream.set(name, path);
        const spoilt = await readFile(official('test-6.cvd'));
        const signature =
          spoilt.indexOf(/:[0-9a-f]{32}:/.exec(spoilt.toString('latin1', 0, 512))?.[0] ?? '') + 34;
        spoilt[signature] = spoilt[signature] === 0x41 ? 0x42 : 0x41;
        upstream.set('test.cvd', spoilt);
        upstream.remove('test-6.cdiff');
        const before = await bucket.get('manifest.json');
        const ended = await run();
        expect(results(ended)).toEqual({ check: 'success', mirror: 'failure', notify: 'success' });
        expect(ended.jobs.mirror?.outputs.outcome).toBe('refused');
        expect(ended.jobs.mirror?.summary).toMatch(/^## ⛔ Refused/);
        expect(openIssues()).toHaveLength(1); // upstream answers again
        expect(github.issues.at(-1)?.labels).toContain('clamav-mirror: integrity');
        expect(await bucket.get('manifest.json')).toEqual(before);
      });

      test('a resync by hand takes everything anew, and closes the issue', async () => {
        for (const [name, path] of offered(6)) upstream.set(name, path);
        upstream.forget();
        const { jobs } = await ask({ command: 'resync', reason: 'upstream was mended' });
        expect(jobs.mirror?.outputs, jobs.mirror?.log).toMatchObject({
          outcome: 'published',
          versions: '{"test":6}',
        });
        expect(jobs.mirror?.summary).toContain('| test | 5 | 6 | downloaded |');
        await requireProven(6);
        expect(openIssues()).toEqual([]);
        expect(github.issues.at(-1)?.comments.at(-1)?.body).toMatch(/It was failing for .* from 2/);
      });

      test('a rollback publishes the earlier version and holds it there', async () => {
        const { jobs } = await ask({
          command: 'rollback',
          database: 'test',
          to: '5',
          reason: 'a false alarm',
        });
        expect(jobs.mirror?.result, jobs.mirror?.log).toBe('success');
        expect(jobs.mirror?.outputs.versions).toBe('{"test":5}');
        expect((await published()).databases.test?.held?.reason).toBe('a false alarm');
        await requireProven(5);
      });

      test('a run that is cancelled leaves the mirror as it was, and somebody hears of it', async () => {
        const before = await bucket.get('manifest.json');
        expect((await ask({ command: 'release', database: 'test' })).jobs.mirror?.outputs.outcome).toBe(
          'released',
        );
        const released = await bucket.get('manifest.json');
        expect(released).not.toEqual(before);
        const running = start({
          event: 'workflow_dispatch',
          inputs: { command: 'sync' },
          onLine: (_, line) => {
            if (line.includes('proving the stage')) running.cancel();
          },
        });
        const ended = await running.result;
        expect(results(ended)).toMatchObject({ mirror: 'cancelled', notify: 'success' });
        expect(await bucket.get('manifest.json')).toEqual(released);
        expect(github.issues.at(-1)).toMatchObject({ state: 'open' });
        expect(github.issues.at(-1)?.labels).toContain('clamav-mirror: publication');
        await requireProven(5);
      });

      describe('inputs that make no sense', () => {
        test('fail the run at once, all of them named', async () => {
          upstream.forget();
          const { jobs } = await ask({ command: 'rollback', database: '../test', to: 'five' });
          expect(jobs.mirror?.result).toBe('failure');
          const said = jobs.mirror?.annotations.map(({ message }) => message).join('\n');
          expect(said).toMatch(/the input database .*the input to /s);
          expect(upstream.requests).toEqual([]);
          expect(openIssues().length).toBeGreaterThan(0);
        });
      });
    }),
  ),
);
