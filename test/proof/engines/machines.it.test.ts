import { chmod, chown, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, test } from 'vitest';
import type { CycleReport } from '../../../scripts/cycle/report.ts';
import { fakeTools, knowing, trusting } from '../../support/clamav/engines.ts';
import { describeWithImages, image } from '../../support/docker/docker.ts';
import { LABEL } from '../../support/docker/docker-cli.ts';
import { type CliRun, runCli } from '../../support/mirror/cli.ts';
import { describeMirror, offer, ofTest, startMirror, type TestMirror } from '../../support/mirror/cycle.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
/** Of a proxy that answers nobody. */
const PROXY = 'http://127.0.0.1:9';
/** Has no name in any passwd. */
const NAMELESS = 54_321;

interface Machine {
  /** For `docker run`. */
  readonly flags?: readonly string[];
  /** Whose the mirror is. */
  readonly owner?: number;
  readonly args?: readonly string[];
  /** Of the docker that starts it. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** `clamav-mirror sync` by the native ClamAV of a container, which shares no more than a machine's own folders. */
async function syncIn(mirror: TestMirror, { flags = [], owner, args = [], environment = {} }: Machine) {
  if (owner !== undefined) await giveAll(mirror.folder, owner);
  const wrapper = [
    ...['docker', 'run', '--rm', '--network=host', `--label=${LABEL}=${inject('run')}`],
    ...[`--volume=${ROOT}:${ROOT}:ro`, `--volume=${mirror.folder}:${mirror.folder}`],
    ...(owner === undefined ? [] : [`--user=${owner}:${owner}`]),
    ...[...flags, image('newest')],
  ];
  const { DOCKER_HOST } = process.env;
  return await runCli(['sync', ...mirror.flags(), '--engines', 'native', '--json', ...args], {
    wrapper,
    environment: { ...(DOCKER_HOST && { DOCKER_HOST }), ...environment },
  });
}

async function giveAll(folder: string, owner: number): Promise<void> {
  await chown(folder, owner, owner);
  for (const path of await readdir(folder, { recursive: true }))
    await chown(join(folder, path), owner, owner);
}

/** A mirror with version 5 that is offered version 6. */
async function start(): Promise<TestMirror> {
  const mirror = await startMirror(5);
  expect((await mirror.sync({ openProver: async () => trusting })).outcome).toBe('published');
  offer(mirror, 6);
  return mirror;
}

function reportOf(run: CliRun): CycleReport {
  expect(run.stdout, run.stderr).not.toBe('');
  return run.json() as CycleReport;
}

function expectPublished(run: CliRun): CycleReport {
  const report = reportOf(run);
  expect(ofTest(report), run.stdout).toMatchObject({ outcome: 'published', to: 6 });
  expect(run.exitCode).toBe(0);
  return report;
}

const skippedIn = ({ proof }: CycleReport) =>
  proof?.results.flatMap(({ result, scenario, evidence }) =>
    result === 'skipped' ? [`${scenario}: ${evidence}`] : [],
  );
const DNS_SKIPPED = expect.stringMatching(/DNS record.*cannot be given a nameserver/);

describeMirror('a sync in a container', () =>
  describeWithImages('newest')('with its native ClamAV', () => {
    test('of root with the rights that docker gives: what takes a mount is skipped, and said', async () => {
      await using mirror = await start();
      expect(skippedIn(expectPublished(await syncIn(mirror, {})))).toContainEqual(DNS_SKIPPED);
    });

    test('of root without any right: freshclam cannot become itself, nothing is refused, and mended it publishes', async () => {
      await using mirror = await start();
      const bare = await syncIn(mirror, { flags: ['--cap-drop=ALL'], owner: 0 });
      expect(bare.exitCode).toBe(1);
      expect(ofTest(reportOf(bare))).toMatchObject({ outcome: 'failed', code: 'engine/broken', to: 5 });
      expect(ofTest(reportOf(bare)).reason).toMatch(/SETGID/);
      expectPublished(await syncIn(mirror, { flags: ['--cap-drop=ALL', '--cap-add=SETGID'], owner: 0 }));
    });

    test('of a user without a name proves and publishes', async () => {
      await using mirror = await start();
      const report = expectPublished(await syncIn(mirror, { owner: NAMELESS }));
      expect(skippedIn(report)).toContainEqual(DNS_SKIPPED);
    });

    test('with proxies in its environment, and in docker’s configuration, proves past them', async () => {
      await using mirror = await start();
      const config = join(mirror.folder, 'docker');
      await mkdir(config);
      const proxies = { default: { httpProxy: PROXY, httpsProxy: PROXY, noProxy: '127.0.0.1' } };
      await writeFile(join(config, 'config.json'), JSON.stringify({ proxies }));
      const flags = [`--env=http_proxy=${PROXY}`, `--env=all_proxy=${PROXY}`, '--env=no_proxy=127.0.0.1'];
      expectPublished(await syncIn(mirror, { flags, environment: { DOCKER_CONFIG: config } }));
    });

    test('with a root that cannot be written to and a small place for temporary files proves', async () => {
      await using mirror = await start();
      expectPublished(await syncIn(mirror, { flags: ['--read-only', '--tmpfs=/tmp:size=8m'] }));
    });

    test('with 300 MB, of which a tool wants more and does not tell how its child ended: a lack, said so', async () => {
      await using mirror = await start();
      const eat = 'head -c 600000000 /dev/zero | tail | wc -c >&2; exit 2';
      const clamscan = `${knowing('test', 6)}; has 6 && { ${eat}; }; exec "$REAL" "$@"`;
      await using tools = await fakeTools({ clamscan });
      await chmod(tools.folder, 0o755);
      const limits = ['--memory=300m', '--memory-swap=300m'];
      const greedy = [...limits, `--volume=${tools.folder}:${tools.folder}`, `--env=PATH=${tools.path}`];
      const run = await syncIn(mirror, { flags: greedy });
      expect(ofTest(reportOf(run)), run.stdout).toMatchObject({ outcome: 'failed', code: 'engine/broken' });
      expect(ofTest(reportOf(run)).reason).toMatch(/more memory/);
      expectPublished(await syncIn(mirror, { flags: limits }));
    });

    test('with none at all fails for that, refuses nothing, and mended it publishes', async () => {
      await using mirror = await start();
      const bare = await syncIn(mirror, { flags: ['--read-only'] });
      expect(bare.exitCode, bare.stdout).toBe(1);
      expectPublished(await syncIn(mirror, { flags: ['--read-only', '--tmpfs=/tmp:size=8m'] }));
    });
  }),
);
