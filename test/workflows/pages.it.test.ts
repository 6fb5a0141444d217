import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseManifest } from '../../scripts/mirror/manifest.ts';
import { describeWithImages, engineImages } from '../support/docker/docker.ts';
import { type FakeGitHub, startGitHub } from '../support/github/api.ts';
import { type CacheService, startCacheService } from '../support/github/cache-service.ts';
import { offered } from '../support/mirror/cycle.ts';
import { startUpstream, type TestUpstream } from '../support/mirror/upstream.ts';
import { type RunOptions, runWorkflow } from '../support/runner/run.ts';
import { githubScript, type StandIn } from '../support/runner/stand-ins.ts';
import { describeWithOfficial } from '../support/setup/official.ts';
import { startPages, type TestPages } from '../support/web/pages.ts';

const FORM = join(import.meta.dirname, '../../site/hosts/pages/mirror-pages.yml');

/** The life of one mirror on Pages: each test goes on where the one before it ended. */
describeWithOfficial('mirror-pages.yml', () =>
  describeWithImages('newest', 'oldest')('with services', () => {
    let upstream: TestUpstream;
    let github: FakeGitHub;
    let cache: CacheService;
    let pages: TestPages;
    let folder: string;
    let site: string;
    let count = 0;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'pages-'));
      site = join(folder, 'site');
      await mkdir(site);
      upstream = await startUpstream(offered(4));
      github = await startGitHub({ slug: 'acme/mirror' });
      cache = await startCacheService();
      pages = await startPages(site);
    });
    afterAll(async () => {
      await pages[Symbol.asyncDispose]();
      await cache.close();
      await github.close();
      await upstream[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    });

    /** The form as somebody fills it in, beside an upstream that is not ClamAV's own. */
    async function filledIn(): Promise<string> {
      const form = await readFile(FORM, 'utf8');
      const file = join(folder, 'mirror-pages.yml');
      await writeFile(
        file,
        form
          .replaceAll(/OWNER\/clamav-mirror@SHA # VERSION$/gm, '$/')
          .replace('repository: OWNER/clamav-mirror', 'repository: vendor/clamav-mirror')
          .replace('ref: SHA', `ref: ${'0'.repeat(40)}`)
          .replace('restore-from:', `upstream: ${upstream.url}\n          restore-from:`)
          .replace(
            'CLAMAV_MIRROR_PUBLIC_URL: $',
            `CLAMAV_MIRROR_UPSTREAM: ${upstream.url}\n          CLAMAV_MIRROR_PUBLIC_URL: $`,
          ),
      );
      return file;
    }

    const upload: StandIn = async ({ inputs, workspace }) => {
      await rm(join(folder, 'artifact'), { recursive: true, force: true });
      await cp(join(workspace, inputs.path ?? ''), join(folder, 'artifact'), { recursive: true });
    };
    /** Names that begin with a dot are left out. */
    const deploy: StandIn = async ({ output }) => {
      await cp(join(folder, 'artifact'), site, {
        recursive: true,
        filter: (source) => !source.includes('/.clamav-mirror'),
      });
      output('page_url', pages.url);
    };

    async function run() {
      const options: RunOptions = {
        folder: join(folder, `run-${++count}`),
        event: 'schedule',
        workflowRepository: 'vendor/clamav-mirror',
        github: { repository: 'acme/mirror', api_url: github.url, run_id: String(1000 + count) },
        repositories: { 'acme/mirror': site, 'vendor/clamav-mirror': join(import.meta.dirname, '..', '..') },
        vars: {
          CLAMAV_MIRROR_PUBLIC_URL: pages.url,
          CLAMAV_MIRROR_DATABASES: 'test',
          ...engineImages().vars,
        },
        images: engineImages().images,
        actions: {
          'actions/github-script': githubScript,
          'actions/upload-pages-artifact': upload,
          'actions/deploy-pages': deploy,
        },
        runtime: cache.env,
        onToken: (grant) => github.admit(grant.token, grant.permissions),
      };
      return await runWorkflow(await filledIn(), options);
    }

    test('the first run deploys what upstream has, and keeps it in the cache', async () => {
      const { jobs } = await run();
      expect(jobs.mirror?.outputs.manifest, jobs.mirror?.log).toBeDefined();
      expect(jobs.deploy?.result, jobs.deploy?.log).toBe('success');
      expect(jobs.mirror?.log).toContain('cache: saved');
      const manifest = parseManifest(await readFile(join(site, 'manifest.json'), 'utf8'), 'the site');
      expect(manifest.databases.test?.version).toBe(4);
    });

    test('a run with news takes what is published from the cache, and asks the site for its manifest, its history and its lists of changes only', async () => {
      for (const [name, path] of offered(5)) upstream.set(name, path);
      pages.asked.length = 0;
      const { jobs } = await run();
      expect(jobs.mirror?.log).toContain('cache: restored');
      expect(jobs.deploy?.result, jobs.mirror?.log).toBe('success');
      const lists = /^changes\/test(-\d+|\.names)?\.json$/;
      const asked = new Set(pages.asked.filter((name) => !lists.test(name)));
      expect(asked).toEqual(new Set(['history.json', 'manifest.json']));
      const manifest = parseManifest(await readFile(join(site, 'manifest.json'), 'utf8'), 'the site');
      expect(manifest.databases.test).toMatchObject({ version: 5 });
    });
  }),
);
