import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PIN_GONE } from '../../scripts/engine/images/pin-gone.ts';
import { parseManifest } from '../../scripts/mirror/manifest.ts';
import { parseMarker } from '../../scripts/notify/github/issue-state.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { docker } from '../support/docker/of-this-run.ts';
import { type FakeGitHub, startGitHub } from '../support/github/api.ts';
import { offered } from '../support/mirror/cycle.ts';
import { startUpstream, type TestUpstream } from '../support/mirror/upstream.ts';
import { runWorkflow, type WorkflowResult } from '../support/runner/run.ts';
import { githubScript } from '../support/runner/stand-ins.ts';
import { describeWithCeph, newBucket, type TestBucket } from '../support/s3/s3.ts';
import { workflowSettings } from '../support/s3/workflow-settings.ts';
import { describeWithOfficial } from '../support/setup/official.ts';
import { startRegistry, type TestRegistry } from '../support/web/registry.ts';

const WORKFLOW = join(import.meta.dirname, '../../.github/workflows/mirror.yml');
const GONE = `sha256:${'0'.repeat(64)}`;

/** The life of one mirror: each test goes on where the one before it ended. */
describeWithOfficial('mirror.yml whose pinned image is deleted', () =>
  describeWithImages('newest', 'oldest')('with services', () =>
    describeWithCeph('and a bucket', (ceph) => {
      let upstream: TestUpstream;
      let bucket: TestBucket;
      let github: FakeGitHub;
      let registry: TestRegistry;
      let folder: string;
      let oldest: string;
      let count = 0;

      beforeAll(async () => {
        folder = await mkdtemp(join(tmpdir(), 'workflow-'));
        upstream = await startUpstream(offered(4));
        bucket = await newBucket(ceph);
        await bucket.openToAll();
        github = await startGitHub({ slug: 'acme/mirror' });
        registry = await startRegistry();
        oldest = at(`1.4@${registry.push('the oldest', '1.4')}`);
      });
      afterAll(async () => {
        await registry[Symbol.asyncDispose]();
        await github.close();
        await upstream[Symbol.asyncDispose]();
        await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
      });

      const at = (rest: string) => `${registry.host}/clamav/clamav:${rest}`;
      /** Local images by the name that a service is started with; there is no other one. */
      async function run(pinned: string, services: Record<string, string>): Promise<WorkflowResult> {
        count++;
        const settings = workflowSettings(ceph, bucket, upstream);
        const ended = await runWorkflow(WORKFLOW, {
          folder: join(folder, `run-${count}`),
          event: 'workflow_dispatch',
          inputs: { command: 'sync' },
          github: { repository: 'acme/mirror', api_url: github.url, run_id: String(1000 + count) },
          vars: {
            ...settings.vars,
            CLAMAV_MIRROR_NEWEST_IMAGE: pinned,
            CLAMAV_MIRROR_OLDEST_IMAGE: oldest,
          },
          secrets: settings.secrets,
          images: { [oldest]: image('oldest'), ...services },
          actions: { 'actions/github-script': githubScript },
          onToken: (grant) => github.admit(grant.token, grant.permissions),
        });
        expect(ended.conclusion, ended.jobs.mirror?.log).toBe('success');
        return ended;
      }
      const issues = () => github.issues.map(({ labels, state }) => `${labels.at(-1)}: ${state}`);
      const counted = () => parseMarker(github.issues[0]?.body ?? '');

      test('goes on with the tag, says so, and opens one issue', async () => {
        registry.push('a newer one', '1.5', '1.5.5');
        const pinned = at(`1.5.4@${GONE}`);
        const { jobs } = await run(pinned, { [at('1.5')]: image('newest') });
        expect(jobs.mirror?.outputs.outcome).toBe('published');
        expect(jobs.check?.log).toContain(`goes on with ${at('1.5')}`);
        expect(jobs.check?.summary).toContain('⚠️');
        expect(issues()).toEqual(['clamav-mirror: configuration: open']);
        expect(github.issues[0]?.body).toContain(at('1.5.4')); // its @ would be somebody's name there
        expect(counted()).toMatchObject({ code: PIN_GONE, about: 'newest', count: 1 });
      });

      test('the digest that was really used is in the proof', async () => {
        const { proof } = parseManifest(String(await bucket.get('manifest.json')), bucket.name);
        const ids = [image('newest'), image('oldest')].map((name) =>
          docker('image', 'inspect', '--format={{.Id}}', name),
        );
        // those of the tests come from no registry
        expect(proof.engines.map((engine) => engine.image)).toEqual(await Promise.all(ids));
      });

      test('counts in the same issue', async () => {
        await run(at(`1.5.4@${GONE}`), { [at('1.5')]: image('newest') });
        expect(issues()).toEqual(['clamav-mirror: configuration: open']);
        expect(counted()).toMatchObject({ count: 2 });
      });

      test('uses the pin while the registry does not answer, and decides nothing', async () => {
        registry.status = 503;
        const pinned = at(`1.5.4@${GONE}`);
        const { jobs } = await run(pinned, { [pinned]: image('newest') });
        registry.status = undefined;
        expect(jobs.check?.log).toContain('503');
        expect(issues()).toEqual(['clamav-mirror: configuration: open']);
      });

      test('closes the issue once the pin is renewed', async () => {
        const renewed = at(`1.5.5@${registry.tags.get('1.5')}`);
        await run(renewed, { [renewed]: image('newest') });
        expect(issues()).toEqual(['clamav-mirror: configuration: closed']);
      });
    }),
  ),
);
