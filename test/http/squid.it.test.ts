import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest';
import { type Host, startHost } from '../../scripts/host/host.ts';
import { shell } from '../../scripts/setup/shell.ts';
import { trusting } from '../support/clamav/engines.ts';
import { describeWithImages, image } from '../support/docker/docker.ts';
import { type FakeGitHub, startGitHub } from '../support/github/api.ts';
import { type CliRun, runCli } from '../support/mirror/cli.ts';
import { describeMirror, startMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { CEPH_ENVIRONMENT } from '../support/s3/ceph.ts';
import { describeWithCeph, newBucket } from '../support/s3/s3.ts';
import { describeWith, have } from '../support/setup/official.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';
import { makeCompany, signHost, startTls, type TlsHost } from '../support/web/company.ts';
import { type Squid, startSquid } from '../support/web/squid.ts';
import { signerOf } from '../support/web/squid-openssl.ts';

const [squid, readingSquid] = [inject('squid'), inject('readingSquid')];
const CHECK = join(import.meta.dirname, '..', '..', 'scripts', 'check.ts');
const PASSWORD = 'p@ss: w#/%rd';
/** What a cache gives is not what the mirror gives: cache.it.test.ts. */
const NO_CACHE = ['cache deny all'];
const LEAST = ['--dns', 'off', '--databases', 'test'];

const portOf = ({ url }: { readonly url: string }) => Number(new URL(url).port);
/** The address of a proxy with a user and this password. */
const withUser = (proxy: Squid, password = PASSWORD) =>
  proxy.url.replace('//', `//me:${encodeURIComponent(password)}@`);
const codeIn = (ended: CliRun) => Object(ended.json()).databases.test.code;
const reasonIn = (ended: CliRun) => String(Object(ended.json()).databases.test.reason);

interface Finding {
  readonly check: string;
  readonly verdict?: string;
  readonly ok?: boolean;
  readonly found?: string;
}

const findingsIn = (ended: CliRun) => {
  const report = ended.json();
  return (Array.isArray(report) ? report : Object(report).findings) as readonly Finding[];
};

/** No form of the password is in what a command printed or left. */
function requireSecret(...texts: readonly string[]): void {
  for (const secret of [
    PASSWORD,
    encodeURIComponent(PASSWORD),
    Buffer.from(`me:${PASSWORD}`).toString('base64'),
  ])
    expect(texts.filter((text) => text.includes(secret))).toEqual([]);
}

describeMirror('behind a real squid', () => {
  let folder: string;
  let mirror: TestMirror;
  let host: Host;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'behind-squid-'));
    mirror = await startMirror();
    await mirror.sync({ openProver: async () => trusting });
    host = await startHost({ folder: mirror.store });
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
    await mirror[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => mirror.upstream.forget());
  const fresh = () => mkdtempSync(join(folder, 'run-'));
  const sync = async (upstream: string, environment: Record<string, string>, ...more: string[]) => {
    const at = fresh();
    const where = ['--store', join(at, 'mirror'), '--work', join(at, 'work')];
    return await runCli(['sync', '--json', ...LEAST, ...where, '--upstream', upstream, ...more], {
      environment,
    });
  };

  describeWith(squid)('that wants a password', () => {
    let proxy: Squid;
    beforeEach(async () => {
      proxy = await startSquid(have(squid), { credentials: `me:${PASSWORD}`, rules: NO_CACHE });
    });
    afterEach(() => proxy[Symbol.asyncDispose]());
    const upstream = () => `http://upstream.test:${portOf(mirror.upstream)}`;
    const url = () => `http://mirror.test:${host.port}`;

    test.each([
      ['--proxy', (proxy: string) => ({ flags: ['--proxy', proxy], environment: {} })],
      [
        'CLAMAV_MIRROR_PROXY',
        (proxy: string) => ({ flags: [], environment: { CLAMAV_MIRROR_PROXY: proxy } }),
      ],
      ['http_proxy', (proxy: string) => ({ flags: [], environment: { http_proxy: proxy } })],
    ])('sync publishes a mirror with the password of %s', async (_, given) => {
      const { flags, environment } = given(withUser(proxy));
      const ended = await sync(upstream(), environment, ...flags);
      expect(ended.json(), ended.stderr).toMatchObject({ outcome: 'published' });
      const lines = await proxy.log();
      expect(lines.length).toBeGreaterThan(0);
      expect(mirror.upstream.requests.length).toBeGreaterThan(0);
      requireSecret(ended.stdout, ended.stderr);
    });

    test('sync with another password asks once, blames the proxy, and tells neither password', async () => {
      const environment = { HTTP_PROXY: withUser(proxy, 'hunter2') };
      const ended = await sync(upstream(), environment);
      expect(codeIn(ended)).toBe('upstream/proxy');
      expect(reasonIn(ended)).toMatch(/HTTP_PROXY.*407/);
      expect(ended.stdout + ended.stderr).not.toContain('hunter2');
      expect(await proxy.log()).toEqual([expect.stringContaining('TCP_DENIED/407')]);
      expect(mirror.upstream.requests).toEqual([]);
    });

    test('client, probe and watch let real freshclam through it', async () => {
      const environment = { HTTP_PROXY: withUser(proxy) };
      const client = await runCli(['client', url(), '--into', join(fresh(), 'db'), '--json'], {
        environment,
      });
      expect(client.json(), client.stderr).toMatchObject({ versions: { test: 6 } });
      expect((await proxy.log()).some((line) => line.includes('CONNECT mirror.test'))).toBe(true);
      const probe = await runCli(['probe', url(), '--client', '--dns', 'off', '--json'], { environment });
      const watch = await runCli(['watch', url(), ...LEAST, '--upstream', upstream(), '--json'], {
        environment,
      });
      for (const ended of [probe, watch]) {
        const faults = findingsIn(ended).filter(({ verdict }) => verdict === 'fault');
        expect(faults, ended.stderr).toEqual([]);
        expect(findingsIn(ended).some(({ check }) => check.startsWith('freshclam'))).toBe(true);
      }
      requireSecret(...[client, probe, watch].flatMap(({ stdout, stderr }) => [stdout, stderr]));
    });

    test('the quick look of a workflow goes through it without any package', async () => {
      const about = {
        CLAMAV_MIRROR_PUBLIC_URL: url(),
        CLAMAV_MIRROR_DATABASES: 'test',
        GITHUB_EVENT_NAME: 'schedule',
      };
      const environment = { PATH: process.env.PATH ?? '', ...about, CLAMAV_MIRROR_PROXY: withUser(proxy) };
      const { stdout } = await shell({ environment })`${process.execPath} ${CHECK}`;
      expect(
        (await proxy.log()).some((line) => line.includes('200 CONNECT mirror.test')),
        stdout,
      ).toBe(true);
      requireSecret(stdout);
    });

    test('and refuses: client, probe and watch blame it, and not the mirror', async () => {
      const environment = { HTTP_PROXY: proxy.url };
      for (const args of [
        ['client', '--into', join(fresh(), 'db')],
        ['probe', '--dns', 'off'],
        ['watch', ...LEAST],
      ]) {
        const [command = '', ...flags] = args;
        const ended = await runCli([command, url(), ...flags, '--json'], { environment });
        expect(ended.stdout + ended.stderr, command).toMatch(
          /the proxy http:\/\/127\.0\.0\.1:\d+ \(HTTP_PROXY\) wants/,
        );
      }
    });

    test('doctor says by which proxy each host is reached, and hides the password', async () => {
      const flags = [
        ...LEAST,
        '--upstream',
        upstream(),
        '--public-url',
        host.url,
        '--store',
        join(fresh(), 'mirror'),
      ];
      const ended = await runCli(['doctor', '--json', ...flags], {
        environment: { HTTP_PROXY: withUser(proxy) },
      });
      const { found } = findingsIn(ended).find(({ check }) => check === 'proxies') ?? {};
      expect(found).toMatch(
        /^upstream through http:\/\/127\.0\.0\.1:\d+ \(HTTP_PROXY\), with a user and password; the public URL directly$/,
      );
      requireSecret(ended.stdout, ended.stderr);
    });

    describeWithCeph('and a bucket behind it', (ceph) => {
      const publish = async (environment: Record<string, string>) => {
        const bucket = await newBucket(ceph);
        const where = [
          '--store',
          `s3://${bucket.name}`,
          '--s3-endpoint',
          `http://store.test:${portOf({ url: ceph.endpoint })}`,
        ];
        const all = { ...CEPH_ENVIRONMENT, ...environment };
        return await sync(mirror.upstream.url, all, ...where);
      };

      test('is published to', async () => {
        const ended = await publish({ HTTP_PROXY: withUser(proxy) });
        expect(ended.json(), ended.stderr).toMatchObject({ outcome: 'published' });
        requireSecret(ended.stdout, ended.stderr);
      });

      test('is not blamed for what the proxy says', async () => {
        const ended = await publish({ HTTP_PROXY: withUser(proxy, 'hunter2') });
        expect(ended.stdout + ended.stderr).toMatch(/store\/unreachable/);
        expect(ended.stdout + ended.stderr).toMatch(/the proxy wants a user and password/);
        expect(ended.stdout + ended.stderr).not.toContain('hunter2');
      });
    });
  });

  describeWith(readingSquid)('that reads TLS along', () => {
    describeWithOpenssl('with a certificate authority of the company', () => {
      let proxy: Squid;
      let hosts: Record<'upstream' | 'mirror' | 'github', TlsHost>;
      let github: FakeGitHub;
      let ca: string;
      beforeAll(async () => {
        // squid believes any host; nobody else sees this certificate
        const pair = signHost(makeCompany(mkdtempSync(join(folder, 'outside-'))), folder, 'DNS:outside.test');
        github = await startGitHub({ login: 'operator' });
        hosts = {
          upstream: await startTls(pair, portOf(mirror.upstream)),
          mirror: await startTls(pair, host.port),
          github: await startTls(pair, portOf(github)),
        };
        const company = makeCompany(mkdtempSync(join(folder, 'company-')));
        ca = company.ca;
        const reading = { ...company, signer: signerOf(have(readingSquid)) };
        proxy = await startSquid(have(readingSquid), {
          reading,
          credentials: `me:${PASSWORD}`,
          rules: NO_CACHE,
        });
      });
      afterAll(async () => {
        await proxy[Symbol.asyncDispose]();
        await github[Symbol.asyncDispose]();
        for (const one of Object.values(hosts)) await one[Symbol.asyncDispose]();
      });
      const at = (name: keyof typeof hosts) => `https://${name}.test:${hosts[name].port}`;
      const through = () => ({ HTTPS_PROXY: withUser(proxy) });

      test.each(['CLAMAV_MIRROR_CA_FILE', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'CURL_CA_BUNDLE'])(
        'sync and real freshclam believe it where %s names it',
        async (variable) => {
          const environment = { ...through(), [variable]: ca };
          const synced = await sync(at('upstream'), environment);
          expect(synced.json(), synced.stderr).toMatchObject({ outcome: 'published' });
          const into = join(fresh(), 'db');
          const client = await runCli(['client', at('mirror'), '--into', into, '--json'], { environment });
          expect(client.json(), client.stderr).toMatchObject({ versions: { test: 6 } });
        },
      );

      test('probe and watch believe it by --ca-file, and see when its certificate ends', async () => {
        const environment = through();
        const flags = ['--ca-file', ca, '--json', '--dns', 'off'];
        const probe = await runCli(['probe', at('mirror'), '--client', ...flags], { environment });
        const watch = await runCli(
          ['watch', at('mirror'), '--databases', 'test', '--upstream', at('upstream'), ...flags],
          { environment },
        );
        for (const ended of [probe, watch])
          expect(
            findingsIn(ended).filter(({ verdict }) => verdict === 'fault'),
            ended.stderr,
          ).toEqual([]);
        const { what = '' } = Object(findingsIn(probe).find(({ check }) => check === 'tls'));
        expect(what).toMatch(/certificate (?:for another|ends in) \d+ days?/);
      });

      describeWithImages('oldest', 'newest')('for a freshclam in a container', () => {
        test.each(['oldest', 'newest'] as const)('of the %s ClamAV, too', async (name) => {
          const flags = [
            '--ca-file',
            ca,
            '--engines',
            `docker:${image(name)}`,
            '--into',
            join(fresh(), 'db'),
          ];
          const ended = await runCli(['client', at('mirror'), ...flags, '--json'], {
            environment: through(),
          });
          expect(ended.json(), ended.stderr).toMatchObject({ versions: { test: 6 } });
        });
      });

      test('nobody believes it where it is not named, and each says how to name it', async () => {
        const environment = through();
        const synced = await sync(at('upstream'), environment);
        expect(codeIn(synced)).toBe('upstream/tls');
        expect(reasonIn(synced)).toMatch(/--ca-file/);
        const client = await runCli(['client', at('mirror'), '--into', join(fresh(), 'db')], { environment });
        expect(client.exitCode).not.toBe(0);
        expect(client.stderr).toMatch(/--ca-file/);
        const unread = await sync(at('upstream'), { ...environment, CURL_CA_BUNDLE: '/nowhere/ca.pem' });
        expect(reasonIn(unread)).toMatch(/CURL_CA_BUNDLE names \/nowhere\/ca\.pem: there is no such file/);
      });

      test('doctor names who signed, and GitHub is asked too', async () => {
        const environment = {
          ...through(),
          GITHUB_API_URL: at('github'),
          GITHUB_SERVER_URL: 'https://github.com',
          GITHUB_REPOSITORY: 'acme/mirror',
          GITHUB_RUN_ID: '1',
          GITHUB_RUN_ATTEMPT: '1',
          CLAMAV_MIRROR_GITHUB_TOKEN: 'secret',
        };
        const flags = [...LEAST, '--upstream', at('upstream'), '--store', join(fresh(), 'mirror'), '--json'];
        const finding = (ended: CliRun, name: string) =>
          findingsIn(ended).find(({ check }) => check === name);
        const without = await runCli(['doctor', ...flags], { environment });
        expect(finding(without, 'certificates')).toMatchObject({
          ok: false,
          found: expect.stringContaining('The company'),
          advice: expect.stringMatching(/openssl s_client .*-proxy.*--ca-file/),
        });
        const named = await runCli(['doctor', ...flags, '--ca-file', ca], { environment });
        expect(finding(named, 'certificates')).toMatchObject({
          ok: true,
          found: expect.stringMatching(/--ca-file .*The company/),
        });
        expect(finding(named, 'upstream')).toMatchObject({ ok: true });
        expect(finding(named, 'github')?.found).not.toMatch(/certificate|proxy/i);
        requireSecret(without.stdout, without.stderr, named.stdout, named.stderr);
      });
    });
  });
});
