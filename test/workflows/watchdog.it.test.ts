import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Host, startHost } from '../../scripts/host/host.ts';
import { parseRunReport } from '../../scripts/notify/run-report.ts';
import { ago, changeManifest, checkedAt } from '../client/support.ts';
import { trusting } from '../support/clamav/engines.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { docker } from '../support/docker/of-this-run.ts';
import { type FakeGitHub, startGitHub } from '../support/github/api.ts';
import { type CacheService, startCacheService } from '../support/github/cache-service.ts';
import { describeMirror, offer, startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { runWorkflow, type WorkflowResult } from '../support/runner/run.ts';
import { githubScript } from '../support/runner/stand-ins.ts';

const WORKFLOW = join(import.meta.dirname, '../../.github/workflows/watchdog.yml');

/** The life of one mirror: each test goes on where the one before it ended. */
describeMirror('watchdog.yml', () =>
  describeWithImages('newest')('with its service', () => {
    let mirror: TestMirror;
    let host: Host;
    let github: FakeGitHub;
    let cache: CacheService;
    let folder: string;
    let id = 1000;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'workflow-'));
      mirror = await startMirror(5);
      await mirror.sync({ openProver: async () => trusting });
      await chmod(mirror.folder, 0o755);
      host = await startHost({ folder: mirror.store, address: await bridge() });
      github = await startGitHub();
      cache = await startCacheService();
      github.workflows.set('watchdog.yml', 'active');
      github.runs.push({ id: 1, conclusion: 'success', at: ago(1), file: 'mirror.yml' });
    });
    afterAll(async () => {
      await cache.close();
      await github.close();
      await host.close();
      await mirror[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    /** One run, whose end GitHub remembers. */
    async function run(): Promise<WorkflowResult> {
      id++;
      const ended = await runWorkflow(WORKFLOW, {
        folder: join(folder, `run-${id}`),
        event: 'schedule',
        github: { repository: github.slug, api_url: github.url, run_id: String(id) },
        vars: {
          CLAMAV_MIRROR_PUBLIC_URL: host.url,
          CLAMAV_MIRROR_UPSTREAM: mirror.upstream.url,
          CLAMAV_MIRROR_NEWEST_IMAGE: image('newest'),
        },
        actions: { 'actions/github-script': githubScript },
        runtime: cache.env,
        onToken: ({ token, permissions }) => github.admit(token, permissions),
      });
      const conclusion = ended.conclusion;
      github.runs.push({ id, conclusion, at: new Date().toISOString(), file: 'watchdog.yml' });
      return ended;
    }
    const open = () =>
      github.issues.filter(({ state }) => state === 'open').map(({ labels }) => labels.at(-1));
    const results = ({ jobs }: WorkflowResult) =>
      Object.fromEntries(Object.entries(jobs).map(([name, { result }]) => [name, result]));
    /** What the job `watch` hands on: `stale failed`, `host recovered`. */
    const told = ({ jobs }: WorkflowResult) => {
      const report = parseRunReport(jobs.watch?.outputs.report ?? '');
      const failed = report?.failures.map((failure) => `${failure.class} failed`) ?? [];
      return [...failed, ...(report?.recovered.map((name) => `${name} recovered`) ?? [])];
    };

    test('tells at once if GitHub has switched the schedule off', async () => {
      github.workflows.set('mirror.yml', 'disabled_inactivity');
      const ended = await run();
      const { watch, notify } = ended.jobs;
      expect(results(ended)).toEqual({ watch: 'failure', notify: 'success' });
      expect(told(ended)).toEqual(['stale failed', 'host recovered']);
      expect(watch?.summary).toMatch(/^## ❌ Watch over http/);
      expect(watch?.log).toContain('a new client gets all of it');
      expect(watch?.annotations).toContainEqual(
        expect.objectContaining({
          level: 'error',
          properties: { title: 'stale: watch/stale' },
          message: expect.stringContaining('60 days without activity'),
        }),
      );
      expect(notify?.summary).toContain('#1');
      expect(open()).toEqual(['clamav-mirror: stale']);
      expect(github.issues[0]?.body).toContain(`/actions/runs/${id}/attempts/1`);
    });

    test('tells of a mirror that is down when three runs in a row have failed; of its age it knows nothing', async () => {
      github.workflows.set('mirror.yml', 'active');
      github.runs.push({ id: ++id, conclusion: 'failure', at: ago(1), file: 'watchdog.yml' });
      const { port } = host;
      await host.close();
      const stale = structuredClone(github.issues[0]);
      const ended = await run();
      expect(results(ended)).toEqual({ watch: 'failure', notify: 'success' });
      expect(told(ended), ended.jobs.watch?.log).toEqual(['host failed']);
      expect(open()).toEqual(['clamav-mirror: stale', 'clamav-mirror: host']);
      expect(github.issues[0]).toEqual(stale);
      host = await startHost({ folder: mirror.store, address: await bridge(), port });
    });

    test('closes both when a real client finds all well again, and says how long it lasted', async () => {
      const ended = await run();
      const { watch, notify } = ended.jobs;
      expect(results(ended), watch?.log).toEqual({ watch: 'success', notify: 'success' });
      expect(told(ended)).toEqual(['host recovered', 'stale recovered']);
      expect(watch?.permissions).toEqual({
        contents: 'read',
        actions: 'read',
        issues: 'read',
        metadata: 'read',
      });
      expect(notify?.permissions).toMatchObject({ issues: 'write', actions: 'read' });
      expect(watch?.summary).toMatch(/^## ✅ Watch over http/);
      expect(watch?.summary).toMatch(/freshclam, docker:\S+.*a client that had test 5 gets all of it/);
      expect(watch?.summary).toMatch(/clamscan, docker:\S+.*finds EICAR/);
      expect(watch?.summary).toContain('mirror.yml is on');
      expect(watch?.annotations.filter(({ level }) => level === 'error')).toEqual([]);
      expect(open()).toEqual([]);
      expect(github.issues.map(({ reason }) => reason)).toEqual(['completed', 'completed']);
      for (const { comments } of github.issues)
        expect(comments.at(-1)?.body).toMatch(/It was failing for .* from 2/);
    });

    test('starts no second job where there is nothing to tell, and its clients download nothing again', async () => {
      const ended = await run();
      const { watch } = ended.jobs;
      expect(results(ended), watch?.log).toEqual({ watch: 'success', notify: 'skipped' });
      expect(watch?.outputs.notify).toBe('false');
      expect(watch?.log).toContain('cache: restored');
      expect(watch?.summary).toMatch(/a client that had test 5 gets all of it/);
      expect(watch?.log).toContain('cache: unchanged');
    });

    test('opens the same issue again for a mirror that lags behind upstream and was not checked for days', async () => {
      offer(mirror, 6);
      await changeManifest(mirror.store, checkedAt(ago(72)));
      const ended = await run();
      expect(told(ended)).toEqual(['stale failed', 'host recovered']);
      const { watch } = ended.jobs;
      expect(watch?.summary).toMatch(/version 5, upstream has 6/);
      expect(watch?.summary).toMatch(/last checked with success 3 days ago/);
      expect(open()).toEqual(['clamav-mirror: stale']);
      expect(github.issues).toHaveLength(2);
    });
  }),
);

/** Where both this machine and its containers reach it. */
async function bridge(): Promise<string> {
  return await docker('network', 'inspect', '--format={{(index .IPAM.Config 0).Gateway}}', 'bridge');
}
