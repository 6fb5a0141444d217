import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { FACE } from '../../scripts/mirror/pages.ts';
import { describeMirror, type TestMirror } from '../support/mirror/cycle.ts';
import { startWebServer, WEB_SERVERS, type WebServerName, withOptions } from '../support/web/web-servers.ts';
import {
  describeWithWebServers,
  faults,
  finding,
  probe,
  problems,
  problemsOfUnsigned,
  publishedMirror,
} from './support.ts';

const PASSWORD = `Basic ${btoa('clamav:secret')}`;
/** `caddy hash-password --plaintext secret` */
const CADDY_HASH = '$2a$14$tJ2XhnsdJI5OoF82EbE0LeypRZ8TLyI2kVOKwbzo8Ja7KQZy4IMtu';

describeMirror('the configurations in site/hosts', () => {
  let mirror: TestMirror;
  beforeAll(async () => {
    mirror = await publishedMirror();
    await mkdir(join(mirror.store, 'archive'), { recursive: true });
    await writeFile(join(mirror.store, 'archive', 'test-5.cvd'), 'an earlier one');
    for (const name of ['other-6.cvd.sign', 'other-6.cdiff.sign', 'archive/test-5.cvd.sign'])
      await writeFile(join(mirror.store, name), 'a version can be signed anew');
    await writeFile(join(mirror.store, '.hidden'), 'not for clients');
  });
  afterAll(async () => await mirror[Symbol.asyncDispose]());

  describeWithWebServers('run by real web servers', () => {
    describe.for(WEB_SERVERS)('%s', (name) => {
      test('serves what the built-in host serves, with the same Cache-Control, and 404 for all else', async () => {
        await using server = await startWebServer(name, mirror.store);
        await using host = await startHost({ folder: mirror.store });
        const served = [
          '',
          '/test.cvd', // of a DatabaseMirror that ends with a slash
          'test.cvd',
          'test-6.cdiff',
          'other-6.cdiff.sign',
          'other-6.cvd.sign',
          'manifest.json',
          'timestamp',
          'archive/test-5.cvd',
          'archive/test-5.cvd.sign',
        ];
        const hidden = [
          '.hidden',
          '%2ehidden',
          '.clamav-mirror/lock',
          '.clamav-mirror/',
          'archive',
          'archive/',
        ];
        const missing = [
          'no-such-file',
          'no/such/file.cvd',
          'test-7.cdiff',
          'test-7.cdiff.sign',
          'test.cvd/',
        ];
        for (const path of [...served, ...hidden, ...missing]) {
          expect(await answer(`${server.url}/${path}`), path).toEqual(await answer(`${host.url}/${path}`));
        }
        for (const path of ['', ...FACE, 'proof.txt', 'manifest.json']) {
          expect(await headersOf(`${server.url}/${path}`), path).toEqual(
            await headersOf(`${host.url}/${path}`),
          );
        }
        expect((await fetch(`${server.url}/test.cvd`, { method: 'POST' })).status).toBeGreaterThanOrEqual(
          400,
        );
      });

      test('serves no .cld and no .cud that a freshclam left there, but for those of the owner', async () => {
        const own = ['local_x.cld', 'archive/local_x.cud', 'local_archive.cld'];
        const left = ['test.cld', 'test.cud', 'archive/test.cld', 'other.cld'];
        for (const path of [...own, ...left]) await writeFile(join(mirror.store, path), 'left there');
        await using server = await startWebServer(name, mirror.store);
        for (const path of own) expect((await fetch(`${server.url}/${path}`)).status, path).toBe(200);
        for (const path of [...left, 'test.cld?version=6'])
          expect((await fetch(`${server.url}/${path}`)).status, path).toBe(404);
      });

      test('writes into its log how many bytes went out', async () => {
        await using server = await startWebServer(name, mirror.store);
        const { length } = Buffer.from(await (await fetch(`${server.url}/test-5.cdiff`)).arrayBuffer());
        const log = await logOf(server.folder, (text) => text.includes('/test-5.cdiff'));
        const sent = /"size": ?(\d+)/.exec(log) ?? /" 200 (\d+)/.exec(log);
        expect(Number(sent?.[1])).toBeGreaterThanOrEqual(length);
        if (name === 'apache') expect(Number(sent?.[1])).toBeGreaterThan(length);
      });

      test('logs clients and leaves out health checks', async () => {
        await using server = await startWebServer(name, mirror.store);
        for (const path of ['timestamp', 'test-5.cdiff', 'manifest.json', 'test.cvd']) {
          await (await fetch(`${server.url}/${path}`)).arrayBuffer();
        }
        const log = await logOf(server.folder, (text) => text.includes('/test.cvd'));
        expect(log).toContain('/test-5.cdiff');
        expect(log).not.toMatch(/\/(timestamp|manifest\.json)/);
      });

      test('lets clients in by address and password, real freshclam among them', async () => {
        await using server = await startProtected(name, mirror.store, '127.0.0.0/8');
        const client = process.env.PATH ?? '';
        const url = server.url.replace('//', '//clamav:secret@');
        expect(problems(await probe(url, { client }))).toEqual(await problemsOfUnsigned({ client: true }));
        const report = await probe(server.url);
        expect(faults(report)).toEqual(['signature']);
        expect(finding(report, 'signature')?.what).toContain('401');
      });

      test('keeps other addresses out', async () => {
        await using server = await startProtected(name, mirror.store, '192.0.2.0/24');
        const report = await probe(server.url.replace('//', '//clamav:secret@'));
        expect(finding(report, 'signature')?.what).toContain('403');
      });
    });

    test.for(['nginx', 'lighttpd', 'apache'] as const)(
      '%s sends a connection no more than its share',
      async (name) => {
        const size = 2_000_000;
        await writeFile(join(mirror.store, 'large'), Buffer.alloc(size));
        const slow = (config: string) =>
          withOptions(config)
            .replace('limit_rate_after 1m', 'limit_rate_after 1k')
            .replace('limit_rate 4m', 'limit_rate 1k')
            .replaceAll(/(per-second = |rate-limit )4096/g, '$11');
        await using server = await startProtected(name, mirror.store, '127.0.0.0/8', slow);
        const headers = { authorization: PASSWORD };
        const over = new AbortController();
        const { body } = await fetch(`${server.url}/large`, { headers, signal: over.signal });
        let received = 0;
        const reading = (async () => {
          for await (const chunk of body ?? []) received += chunk.length;
        })().catch(() => {}); // it is cut off
        // Others are served meanwhile; all of it would have come at once, and at its share takes half an hour.
        for (let n = 0; n < 20; n++)
          expect((await fetch(`${server.url}/timestamp`, { headers })).status).toBe(200);
        over.abort();
        await reading;
        expect(received).toBeGreaterThan(0);
        expect(received).toBeLessThan(size);
      },
    );
  });
});

/** All options switched on; only these addresses and the user `clamav` with the password `secret` get in. */
async function startProtected(
  name: WebServerName,
  folder: string,
  addresses: string,
  change = (config: string) => config,
) {
  const users = await mkdtemp(join(tmpdir(), 'users-'));
  await chmod(users, 0o755);
  const sha1 = createHash('sha1').update('secret').digest('base64');
  await writeFile(join(users, 'file'), `clamav:${name === 'lighttpd' ? 'secret' : `{SHA}${sha1}`}\n`);
  const server = await startWebServer(name, folder, (config) =>
    change(withOptions(config))
      .replaceAll(/\/etc\/\w+\/clamav-mirror\.(htpasswd|users)/g, join(users, 'file'))
      .replace('127.0.0.0/8', addresses)
      .replace('127\\.', addresses === '127.0.0.0/8' ? '127\\.' : '192\\.0\\.2\\.')
      .replace(/\$2a\$14\$CHANGE\w+/, CADDY_HASH),
  );
  await fetch(`${server.url}/`, { headers: { authorization: PASSWORD } }); // Caddy takes a second for the first
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await rm(users, { recursive: true, force: true });
    },
  };
}

async function answer(url: string) {
  const response = await fetch(url);
  const { status } = response;
  if (status !== 200) return { status };
  const age = /max-age=\d+/.exec(response.headers.get('cache-control') ?? '')?.[0];
  return { status, age, body: Buffer.from(await response.arrayBuffer()).toString('latin1') };
}

/** Headers by which a browser and Prometheus know what to do with a file. */
async function headersOf(url: string) {
  const { headers } = await fetch(url);
  const names = ['content-type', 'x-content-type-options', 'content-security-policy'];
  return Object.fromEntries(names.map((name) => [name, headers.get(name)]));
}

/** Servers write their logs when they please. */
async function logOf(folder: string, isComplete: (text: string) => boolean): Promise<string> {
  for (let left = 100; ; left--) {
    const text = await readFile(join(folder, 'clamav-mirror.log'), 'utf8').catch(() => '');
    if (isComplete(text) || left === 0) return text;
    await wait(100);
  }
}
