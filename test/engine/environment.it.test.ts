import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SILENT } from '../../scripts/base/log.ts';
import { type Engine, run } from '../../scripts/engine/engine.ts';
import { openEngines } from '../../scripts/engine/open.ts';
import type { Environment } from '../../scripts/engine/process.ts';
import { parseEngineSpec } from '../../scripts/engine/spec.ts';
import { startHost } from '../../scripts/host/host.ts';
import { programs, programsFrom } from '../../scripts/settings/environment.ts';
import { run as runProgram } from '../../scripts/setup/programs.ts';
import { type FakeTools, fakeTools } from '../support/clamav/engines.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { docker } from '../support/docker/of-this-run.ts';
import { runCli } from '../support/mirror/cli.ts';
import { describeMirror, startMirror, startPublished } from '../support/mirror/cycle.ts';
import { describeWithOfficial, official } from '../support/setup/official.ts';
import { startProxy } from '../upstream/proxy/proxy.ts';

const SECRET = 'the-secret-of-the-runner';
/** What a step of a workflow may find in its environment. */
const SECRETS = {
  AWS_ACCESS_KEY_ID: SECRET,
  AWS_SECRET_ACCESS_KEY: SECRET,
  AWS_SESSION_TOKEN: SECRET,
  GITHUB_TOKEN: SECRET,
  ACTIONS_RUNTIME_TOKEN: SECRET,
  ACTIONS_ID_TOKEN_REQUEST_TOKEN: SECRET,
  CLAMAV_MIRROR_GITHUB_TOKEN: SECRET,
  CLAMAV_MIRROR_HEALTHCHECK_URL: `https://hc.example/${SECRET}`,
  DOCKER_PASSWORD: SECRET,
  NODE_AUTH_TOKEN: SECRET,
};
/** Of a proxy that answers nobody: whoever asks it gets nothing. */
const PROXY = 'http://127.0.0.1:9';
const PROXIES = { all_proxy: PROXY, ALL_PROXY: PROXY };
const TELL = 'env >> "$HERE/environment"; exec "$REAL" "$@"';
const PATH = process.env.PATH ?? '';

describeMirror('the programs that a command starts', () => {
  let tools: FakeTools;
  beforeEach(async () => {
    tools = await fakeTools({ freshclam: TELL, clamscan: TELL, clamd: TELL }, { version: TELL });
  });
  afterEach(() => tools[Symbol.asyncDispose]());

  const environment = () => ({ PATH: tools.path, LC_ALL: 'C', ...SECRETS, ...PROXIES });

  test('by sync know no secret, and reach our host past every proxy', async () => {
    await using mirror = await startMirror();
    const ended = await mirror.syncCli([], { environment: environment() });
    expect(ended.json(), ended.stderr).toMatchObject({ outcome: 'published' });
    await requireClean(tools);
  });

  test('by client know none', async () => {
    await using mirror = await startPublished(6, 6);
    await using host = await startHost({ folder: mirror.store });
    const into = join(mirror.folder, 'client');
    const ended = await runCli(['client', host.url, '--into', into], { environment: environment() });
    expect(ended, ended.stderr).toMatchObject({ exitCode: 0 });
    await requireClean(tools);
  });

  test('by probe --client know none, and its freshclam takes the proxy of the settings', async () => {
    await using mirror = await startPublished(6, 6);
    await using host = await startHost({ folder: mirror.store });
    const args = ['probe', host.url, '--client', '--dns', 'off', '--json'];
    const direct = await runCli(args, { environment: environment() });
    expect(findings(direct.json())).not.toContain('fault');
    await requireClean(tools);
    await using proxy = await startProxy(Number(new URL(host.url).port), 'me:hidden');
    const proxied = { ...environment(), http_proxy: proxy.url('me:hidden') };
    const through = await runCli(args.with(1, 'http://mirror.invalid'), { environment: proxied });
    expect(new Set(findings(through.json())), through.stdout).toEqual(new Set(['good']));
    await requireClean(tools);
  });
});

const findings = (report: unknown) =>
  (report as { findings: { check: string; verdict: string }[] }).findings
    .filter(({ check }) => check.startsWith('freshclam'))
    .map(({ verdict }) => verdict);

describe('docker', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fake-docker-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  test('knows where its engine is, and no secret', async () => {
    const script = `#!/bin/sh\nenv >> '${folder}/environment'\nexit 1\n`;
    for (const name of ['docker', 'podman']) await writeFile(join(folder, name), script, { mode: 0o755 });
    const { path, environment } = programsFrom({
      PATH: [folder, PATH].join(delimiter),
      DOCKER_HOST: 'unix:///run/user/1000/docker.sock',
      HTTPS_PROXY: PROXY,
      ...SECRETS,
    });
    const opening = openEngines([parseEngineSpec('docker:clamav/clamav:1.4')], {
      path,
      environment,
      work: folder,
      log: SILENT,
    });
    await expect(opening).rejects.toMatchObject({ code: 'engine/missing' });
    const said = await readFile(join(folder, 'environment'), 'utf8');
    expect(said).not.toContain(SECRET);
    expect(said).toContain('DOCKER_HOST=unix:///run/user/1000/docker.sock');
    expect(said).toContain(`HTTPS_PROXY=${PROXY}`); // it pulls images
  });
});

test('a program of the demo knows no secret', async () => {
  const before = process.env.AWS_SECRET_ACCESS_KEY;
  process.env.AWS_SECRET_ACCESS_KEY = SECRET;
  try {
    const { stdout } = await runProgram(['env'], {
      timeout: 10_000,
      path: PATH,
      environment: programs().environment.services,
    });
    expect(stdout).toMatch(/^PATH=/m);
    expect(stdout).not.toContain(SECRET);
  } finally {
    if (before === undefined) delete process.env.AWS_SECRET_ACCESS_KEY;
    else process.env.AWS_SECRET_ACCESS_KEY = before;
  }
});

describeWithOfficial('a tool in a container', () =>
  describeWithImages('newest')('whose docker gives every container a proxy', () => {
    let folder: string;
    let environment: { tools: Environment; services: Environment };
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'proxied-'));
      const proxies = { default: { httpProxy: PROXY, httpsProxy: PROXY, noProxy: 'nothing.example' } };
      await writeFile(join(folder, 'config.json'), JSON.stringify({ proxies }));
      const { DOCKER_HOST } = process.env;
      ({ environment } = programsFrom({ PATH, DOCKER_CONFIG: folder, HTTP_PROXY: PROXY, DOCKER_HOST }));
    });
    afterEach(() => rm(folder, { recursive: true, force: true }));

    const open = async (spec: string): Promise<Engine> => {
      const options = { path: PATH, environment, work: join(folder, 'work'), log: SILENT };
      await mkdir(options.work, { recursive: true });
      const [engine] = await openEngines([parseEngineSpec(spec)], options);
      if (engine === undefined) throw new Error('no engine');
      return engine;
    };

    test.each(['docker', 'container'])('reaches our host past it: %s', async (kind) => {
      const id =
        kind === 'docker'
          ? undefined
          : await docker(
              'run',
              '--detach',
              `--env=http_proxy=${PROXY}`,
              image('newest'),
              'sleep',
              'infinity',
            );
      const engine = await open(id === undefined ? `docker:${image('newest')}` : `container:${id}`);
      expect(await versionTaken(engine, folder)).toBe('ClamAV-VDB'); // the database has come
      if (id !== undefined) await docker('rm', '--force', id);
    });
  }),
);

/** The first bytes of what freshclam takes from a host of ours. */
async function versionTaken(engine: Engine, folder: string): Promise<string> {
  const [store, client] = [join(folder, 'store'), join(folder, 'client')];
  for (const path of [store, client, join(client, 'db')]) await mkdir(path, { recursive: true });
  await copyFile(official('test-6.cvd'), join(store, 'test.cvd'));
  await using host = await startHost({ folder: store, address: engine.hostAddress });
  const lines = [`DatabaseMirror ${host.url}`, `DatabaseOwner ${engine.databaseOwner}`, 'MaxAttempts 1', ''];
  await writeFile(join(client, 'freshclam.conf'), lines.join('\n'));
  const { output } = await run(engine, {
    tool: 'freshclam',
    folder: client,
    args: (at) => [
      `--config-file=${at}/freshclam.conf`,
      `--datadir=${at}/db`,
      '--no-dns',
      '--stdout',
      '--update-db=test',
    ],
    timeout: 120_000,
  });
  return (await readFile(join(client, 'db', 'test.cvd')).catch(() => Buffer.from(output))).toString(
    'latin1',
    0,
    10,
  );
}

async function requireClean(tools: FakeTools): Promise<void> {
  const said = await readFile(join(tools.folder, 'environment'), 'utf8');
  expect(said).not.toContain(SECRET);
  expect(said).not.toMatch(/proxy=/i);
  const names = new Set([...said.matchAll(/^(\w+)=/gm)].map(([, name]) => name));
  // what the shell of the stand-in sets by itself, and CURL_CA_BUNDLE, for a client whose mirror may speak TLS
  const ours = /^(PWD|OLDPWD|SHLVL|_|CURL_CA_BUNDLE)$/;
  expect([...names].sort().filter((name) => !ours.test(name ?? ''))).toEqual(['LC_ALL', 'PATH']);
}
