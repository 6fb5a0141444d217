import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, inject, test } from 'vitest';
import { searchPath } from '../../scripts/settings/environment.ts';
import { EXTRAS_SCHEMA_FILE } from '../../scripts/settings/generated/extras-schema.ts';
import { SCHEMA_FILE } from '../../scripts/settings/generated/schema.ts';
import { findProgram, run } from '../../scripts/setup/programs.ts';
import { describeWithWebServers } from '../probe/support.ts';
import { describeWithPython } from '../support/machine/python.ts';
import { REPOSITORY } from '../support/repository.ts';
import { describeWith, have } from '../support/setup/official.ts';
import { type CachingProxyName, configFor } from '../support/web/caching-proxies.ts';
import { freePort } from '../support/web/ports.ts';
import { mainConfig, WEB_SERVERS, withOptions } from '../support/web/web-servers.ts';

const squid = inject('squid');
const promtool = inject('promtool');
const awscli = inject('awscli');
const HOSTS = join(REPOSITORY, 'site', 'hosts');
const CLOUDFRONT = join(HOSTS, 's3-cloudfront');

/**
 * Each file of the other folders, and what parses it: a test below, or one that is named. Whoever adds a file adds the real
 * program that it is for.
 */
const PARSED: Readonly<Record<string, string>> = {
  'extras.example.jsonc': 'test/settings/extras.test.ts',
  'hosts/Caddyfile': 'caddy',
  'hosts/apache.conf': 'apache',
  'hosts/lighttpd.conf': 'lighttpd',
  'hosts/nginx.conf': 'nginx',
  'hosts/nginx-proxy-cache.conf': 'nginx as a caching proxy',
  'hosts/squid.conf': 'squid',
  'hosts/pages/mirror-pages.yml': 'test/workflows/pages.test.ts',
  'hosts/r2/r2-worker.js': 'test/probe/r2-worker.it.test.ts',
  'hosts/r2/wrangler.toml': 'the reader of TOML of python',
  'hosts/s3/lifecycle.json': 'test/store/s3/policy.it.test.ts',
  'hosts/s3/publisher-policy.json': 'test/store/s3/policy.it.test.ts',
  'hosts/s3-cloudfront/bucket-policy.json': 'aws',
  'hosts/s3-cloudfront/cache-policy.json': 'aws',
  'hosts/s3-cloudfront/distribution.json': 'aws',
  'hosts/s3-cloudfront/public-bucket-policy.json': 'aws',
  'hosts/s3-cloudfront/response-headers-policy.json': 'aws',
  'hosts/s3-cloudfront/viewer-request.js': 'test/hosts/clouds.test.ts',
  'monitoring/alerts.yml': 'promtool',
  'monitoring/dashboard.json': 'test/page/metrics.test.ts',
  'page/page.css': 'test/page/browser.it.test.ts',
  'page/page.js': 'test/page/browser.it.test.ts',
};

const GENERATED: readonly string[] = [SCHEMA_FILE, EXTRAS_SCHEMA_FILE];

/** Whole folders, and the test that reads everything in them. */
const FOLDERS: Readonly<Record<string, string>> = {
  'compose/': 'test/kit/compose.it.test.ts',
  'image/': 'test/kit/image.it.test.ts',
  'kubernetes/': 'test/kit/kubernetes.it.test.ts',
  'systemd/': 'test/site-systemd/units.it.test.ts',
};

test('every file of site/ that a program reads is parsed by that program in a test', () => {
  const site = join(REPOSITORY, 'site');
  const files = readdirSync(site, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.md'))
    .map((entry) => join(entry.parentPath, entry.name).slice(site.length + 1))
    .filter((file) => !GENERATED.includes(join('site', file))) // test/settings reads them
    .filter((file) => !Object.keys(FOLDERS).some((folder) => file.startsWith(folder)));
  expect(files.sort()).toEqual(Object.keys(PARSED).sort());
  const [, below = ''] = readFileSync(import.meta.filename, 'utf8').split('\ndescribe(');
  for (const [file, by] of Object.entries({ ...PARSED, ...FOLDERS })) {
    if (by.startsWith('test/'))
      expect(readFileSync(join(REPOSITORY, by), 'utf8'), by).toContain(nameOf(file));
    else expect(below, file).toContain(`'${by}`);
  }
});

/** Last part of a path, without what is behind its dot. */
function nameOf(path: string): string {
  return path
    .replace(/\/$/, '')
    .replace(/^.*\//, '')
    .replace(/\.\w+$/, '');
}

/** What a program says of a file, and its exit code. */
async function verdict(program: string, ...args: readonly string[]) {
  const path = (await findProgram(program, { path: searchPath() })) ?? program;
  const environment = { PATH: process.env.PATH ?? '', HOME: tmpdir() };
  const { exitCode, stdout, stderr } = await run([path, ...args], {
    path: environment.PATH,
    environment,
    timeout: 60_000,
  });
  return { exitCode, said: `${stdout}${stderr}` };
}

async function temporary() {
  const path = await mkdtemp(join(tmpdir(), 'parsed-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Writes a configuration of a caching proxy with folders and ports of a test. Returns its path. */
async function proxyConfig(name: CachingProxyName, text: string, own: string): Promise<string> {
  const main = join(own, 'main.conf');
  await writeFile(main, await configFor(name, text, { own, port: await freePort(), mirrorPort: 1 }));
  return main;
}

/** What nginx has in the place of a mirror where there is none. */
const OWN_SERVERS = ['http://mirror.example:8080', 'https://database.clamav.net'] as const;

/** The options of a configuration, off and on. */
const BOTH = [
  ['as it is', (text: string) => text],
  ['with all options', withOptions],
] as const;

describe('is taken by the program that it is for:', () => {
  describeWithWebServers('web servers', () => {
    const TESTS = {
      nginx: ['nginx', '-t', '-c'],
      lighttpd: ['lighttpd', '-tt', '-f'],
      caddy: ['caddy', 'validate', '--adapter', 'caddyfile', '--config'],
      apache: ['apache2', '-t', '-f'],
    } as const;

    describe.each(WEB_SERVERS)('%s', (name) => {
      test.each(BOTH)('%s', async (_, change) => {
        await using folder = await temporary();
        const { main } = await mainConfig(name, {
          ...{ own: folder.path, folder: folder.path, port: await freePort(), change },
        });
        const [program, ...args] = TESTS[name];
        const { exitCode, said } = await verdict(program, ...args, main);
        expect(exitCode, said).toBe(0);
        await writeFile(main, `${await readFile(main, 'utf8')}\nnonsense {`);
        expect((await verdict(program, ...args, main)).exitCode).not.toBe(0);
      });
    });

    test.each([
      ...BOTH,
      ["in front of ClamAV's own servers", (text: string) => withOptions(text).replace(...OWN_SERVERS)],
    ] as const)('nginx as a caching proxy, %s', async (_, change) => {
      await using folder = await temporary();
      const text = await readFile(join(HOSTS, 'nginx-proxy-cache.conf'), 'utf8');
      expect(text.split(OWN_SERVERS[0])).toHaveLength(2);
      expect(text).toContain(`# CHANGE: the mirror. ${OWN_SERVERS[1]} is possible`);
      const main = await proxyConfig('nginx', change(text), folder.path);
      const { exitCode, said } = await verdict('nginx', '-t', '-c', main);
      expect(exitCode, said).toBe(0);
    });
  });

  describeWith(squid)('squid', () => {
    test.each([
      ...BOTH,
      [
        "in front of ClamAV's own servers",
        (text: string) => withOptions(text).replace(/^.*mirror\.example.*$/gm, ''),
      ] as const,
    ])('%s', async (_, change) => {
      await using folder = await temporary();
      const text = change(await readFile(join(HOSTS, 'squid.conf'), 'utf8'));
      const main = await proxyConfig('squid', text, folder.path);
      const { exitCode, said } = await verdict('squid', '-k', 'parse', '-f', main);
      expect(said).not.toMatch(/WARNING|ERROR|FATAL|Bungled/);
      expect(exitCode, said).toBe(0);
    });
  });

  describeWith(promtool)('promtool', () => {
    test('the alerts', async () => {
      const alerts = join(REPOSITORY, 'site', 'monitoring', 'alerts.yml');
      const { exitCode, said } = await verdict(have(promtool), 'check', 'rules', alerts);
      expect({ exitCode, said }).toMatchObject({
        exitCode: 0,
        said: expect.stringMatching(/SUCCESS: [1-9]/),
      });
    });
  });

  describeWithPython('the reader of TOML of python', () => {
    test('wrangler.toml', async ({ skip }) => {
      const has = await verdict('python3', '-c', 'import tomllib');
      skip(has.exitCode !== 0, 'this python has no tomllib, which came with 3.11');
      const read = 'import json,sys,tomllib; print(json.dumps(tomllib.load(open(sys.argv[1], "rb"))))';
      const { said } = await verdict('python3', '-c', read, join(HOSTS, 'r2', 'wrangler.toml'));
      expect(JSON.parse(said)).toMatchObject({ main: 'r2-worker.js', r2_buckets: [{ binding: 'MIRROR' }] });
    });
  });

  describeWith(awscli)('aws', () => {
    const commands = [
      ...readFileSync(join(CLOUDFRONT, 'README.md'), 'utf8').matchAll(/^aws (?:.*\\\n)*.*$/gm),
    ].map(([command]) => command.replaceAll(/\\\n\s*/g, ''));

    test('each file of the guide', () => {
      const named = commands.flatMap((command) => [...command.matchAll(/fileb?:\/\/(\S+)/g)]);
      const files = readdirSync(CLOUDFRONT).filter((name) => name !== 'README.md');
      expect(named.map(([, name]) => name).sort()).toEqual(files.sort());
    });

    test.each(commands)('%s', async (command) => {
      let asked = 0;
      const cloud = createServer((request, response) => {
        asked++;
        request.resume().on('end', () => response.writeHead(200, { etag: 'E' }).end('<Answer/>'));
      });
      await new Promise<void>((resolve) => cloud.listen(0, '127.0.0.1', resolve));
      try {
        const address = cloud.address();
        const port = typeof address === 'object' && address !== null ? address.port : 0;
        const { exitCode, said } = await aws(command, `http://127.0.0.1:${port}`);
        expect({ exitCode, asked }, said).toEqual({ exitCode: 0, asked: 1 });
      } finally {
        cloud.close();
      }
    });

    test('which knows when a file lacks something', async () => {
      await using folder = await temporary();
      const path = join(folder.path, 'distribution.json');
      const text = await readFile(join(CLOUDFRONT, 'distribution.json'), 'utf8');
      await writeFile(path, text.replace('"FunctionARN"', '"FunctionArm"'));
      const { exitCode, said } = await aws(
        `aws cloudfront create-distribution --distribution-config file://${path}`,
        'http://127.0.0.1:1',
      );
      expect(exitCode).not.toBe(0);
      expect(said).toContain('FunctionArm');
    });
  });

  /** Runs a command of the guide in its folder, against a stand-in for the cloud. */
  async function aws(command: string, url: string) {
    const [, ...words] = command.split(' ');
    const path = process.env.PATH ?? '';
    const environment = {
      ...{ PATH: path, HOME: '/nonexistent', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' },
      ...{
        AWS_DEFAULT_REGION: 'us-east-1',
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_MAX_ATTEMPTS: '1',
        AWS_PAGER: '',
      },
    };
    const { exitCode, stdout, stderr } = await run([have(awscli), ...words, '--endpoint-url', url], {
      path,
      environment,
      folder: CLOUDFRONT,
      timeout: 120_000,
    });
    return { exitCode, said: `${stdout}${stderr}` };
  }
});
