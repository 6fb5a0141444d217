import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { describe, expect, inject, test } from 'vitest';
import { State } from '../../scripts/cycle/memory/state.ts';
import { trusting } from '../support/clamav/engines.ts';
import { offered, ofTest, startMirror, type TestMirror, versionOf } from '../support/mirror/cycle.ts';
import { describeWithCeph, newBucket } from '../support/s3/s3.ts';
import { describeWith, describeWithOfficial, have, official } from '../support/setup/official.ts';
import { freePort } from '../support/web/ports.ts';
import { startSquid } from '../support/web/squid.ts';
import { startWebServer } from '../support/web/web-servers.ts';

const [squid, webServers] = [inject('squid'), inject('webServers')];
const openProver = async () => trusting;
const DAY = 24 * 60 * 60_000;

/** The cool-down that a mirror's upstream has asked for, if it has. */
const coolDownOf = async (mirror: TestMirror, upstream = mirror.upstream.url) =>
  (await State.load(mirror.work)).lastCoolDownOf(upstream);

/** The same upstream by a name that a squid knows: this machine is never asked for through a proxy. */
const byName = ({ upstream }: TestMirror) => `http://upstream.test:${new URL(upstream.url).port}`;

describeWithOfficial('a cycle over a real network', () => {
  describeWith(squid)('with a real squid and its stock rules', () => {
    test('finds a new version, though the proxy still takes the old one for fresh', async () => {
      await using proxy = await startSquid(have(squid));
      await using mirror = await startMirror(5);
      const upstream = byName(mirror);
      const through = { environment: { HTTP_PROXY: proxy.url }, flags: { upstream }, openProver };
      expect((await mirror.sync(through)).outcome).toBe('published');
      for (const [name, path] of offered(6)) mirror.upstream.set(name, path);
      mirror.upstream.forget();
      // whoever does not say that he wants it fresh gets the old one
      expect(await throughProxy(proxy.url, `${upstream}/test.cvd`)).toEqual(
        readFileSync(official('test-5.cvd')),
      );
      expect(mirror.upstream.asked).toEqual([]);

      const report = await mirror.sync(through);
      expect(ofTest(report)).toMatchObject({ outcome: 'published', from: 5, to: 6 });
      expect(await versionOf(mirror.store)).toBe(6);
      expect(mirror.upstream.asked[0]).toBe('test.cvd');
    });

    test('takes its no for its own: no cool-down, and upstream is asked as soon as it lets us', async () => {
      await using strict = await startSquid(have(squid), {
        rules: ['acl them urlpath_regex cvd$', 'http_access deny them'],
      });
      await using generous = await startSquid(have(squid));
      await using mirror = await startMirror();
      const flags = { upstream: byName(mirror) };
      const refused = await mirror.sync({ environment: { HTTP_PROXY: strict.url }, flags, openProver });
      expect(ofTest(refused)).toMatchObject({
        code: 'upstream/proxy',
        reason: expect.stringContaining('ERR_ACCESS_DENIED'),
      });
      expect(await coolDownOf(mirror, flags.upstream)).toBeUndefined();
      expect(mirror.upstream.asked).toEqual([]);
      expect(await strict.log()).toEqual([expect.stringContaining('TCP_DENIED/403 GET')]);
      const later = await mirror.sync({ environment: { HTTP_PROXY: generous.url }, flags, openProver });
      expect(later.outcome).toBe('published');
    });

    test.each([
      [
        'a tunnel that it does not open',
        ['http_access deny CONNECT'],
        'upstream/proxy',
        /does not let us through \(403\)/,
      ],
      ['a host that it does not reach', [], 'upstream/unavailable', /does not get through \(50\d\)/],
    ])('blames it for %s', async (_, rules, code, reason) => {
      await using proxy = await startSquid(have(squid), { rules });
      await using mirror = await startMirror();
      const upstream = `https://upstream.test:${await freePort()}`;
      const refused = await mirror.sync({
        environment: { HTTPS_PROXY: proxy.url },
        flags: { upstream },
        openProver,
      });
      expect(ofTest(refused)).toMatchObject({ code, reason: expect.stringMatching(reason) });
      expect(ofTest(refused).reason).toContain(`${proxy.url} (HTTPS_PROXY)`);
      expect(await coolDownOf(mirror, upstream)).toBeUndefined();
    });
  });

  describeWith(webServers)('with a real nginx that caches', () => {
    /** It keeps everything for an hour, also that a file is missing, and obeys no client unless `bypass` says so. */
    const startCache = async (mirror: TestMirror, bypass: string) => {
      const { port } = new URL(mirror.upstream.url);
      const rules = [
        'proxy_cache kept; proxy_cache_valid any 1h; proxy_ignore_headers Cache-Control Expires Set-Cookie;',
        'proxy_cache_key $uri$http_range; proxy_set_header Range $http_range; proxy_force_ranges off;',
        bypass,
      ].join('\n');
      return await startWebServer('nginx', mirror.folder, () =>
        [
          `proxy_cache_path ${mirror.folder}/kept keys_zone=kept:1m;`,
          `server { listen 8080; location / { proxy_pass http://127.0.0.1:${port}; ${rules} } }`,
        ].join('\n'),
      );
    };
    const HONEST = 'proxy_cache_bypass $http_cache_control $http_pragma;';
    /** A mirror of version 5 by way of a cache, whose upstream then has version 6. */
    const behind = async (bypass: string) => {
      const mirror = await startMirror(5);
      const cache = await startCache(mirror, bypass);
      const sync = async () => await mirror.sync({ flags: { upstream: cache.url }, openProver });
      expect((await sync()).outcome).toBe('published');
      for (const [name, path] of offered(6)) mirror.upstream.set(name, path);
      mirror.upstream.forget();
      return {
        mirror,
        sync,
        async [Symbol.asyncDispose]() {
          await cache[Symbol.asyncDispose]();
          await mirror[Symbol.asyncDispose]();
        },
      };
    };

    test('and obeys a client: a new version is found, with one more request upstream than without', async () => {
      await using setUp = await behind(HONEST);
      expect(ofTest(await setUp.sync())).toMatchObject({ outcome: 'published', from: 5, to: 6 });
      expect(setUp.mirror.upstream.asked[0]).toBe('test.cvd');
      expect(setUp.mirror.upstream.asked.filter((name) => name === 'test.cvd')).toHaveLength(1);
    });

    test('and obeys nobody: the mirror stays as it is, upstream is asked for nothing, and nobody is blamed', async () => {
      await using setUp = await behind('');
      const { outcome, error } = await setUp.sync();
      expect({ outcome, error }).toEqual({ outcome: 'unchanged', error: undefined });
      expect(setUp.mirror.upstream.asked).toEqual([]);
      expect(await versionOf(setUp.mirror.store)).toBe(5);
    });

    test('and has an older file under the name of a new one: it is asked past the cache, once', async () => {
      await using mirror = await startMirror(6);
      await using cache = await startCache(mirror, HONEST);
      // somebody asked for the CDIFF while upstream had a wrong one
      mirror.upstream.set('test-6.cdiff', official('test-5.cdiff'));
      await mirror
        .sync({ flags: { upstream: mirror.upstream.url, cdiffs: '1' }, openProver })
        .catch(() => {});
      expect((await fetch(`${cache.url}/test-6.cdiff`)).status).toBe(200);
      mirror.upstream.set('test-6.cdiff', official('test-6.cdiff'));
      mirror.upstream.forget();
      const warned: string[] = [];
      const log = { info() {}, warn: (line: string) => warned.push(line), progress() {} };
      const flags = { upstream: cache.url, store: `${mirror.store}-other`, work: `${mirror.work}-other` };
      const report = await mirror.sync({ flags, log, openProver });
      expect(report.outcome).toBe('published');
      expect(warned.filter((line) => line.includes('past caches'))).toHaveLength(1);
      expect(mirror.upstream.asked.filter((name) => name === 'test-6.cdiff')).toHaveLength(1);
    });
  });

  describeWithCeph('from a bucket that says 403 for what it lacks', (ceph) => {
    test('publishes a version without its .sign, and starts no cool-down', async () => {
      const bucket = await newBucket(ceph);
      const Resource = [`arn:aws:s3:::${bucket.name}/*`];
      await bucket.allow([{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource }]);
      for (const [name, path] of offered(6)) await bucket.plant(name, readFileSync(path));
      const upstream = `${ceph.endpoint}/${bucket.name}`;
      const missing = await fetch(`${upstream}/test-6.cvd.sign`);
      expect(missing.status).toBe(403); // else it is not the bucket that this is about
      await using mirror = await startMirror();
      const first = await mirror.sync({ flags: { upstream }, openProver });
      expect(ofTest(first)).toMatchObject({ outcome: 'published', to: 6 });
      expect(await coolDownOf(mirror, upstream)).toBeUndefined();
      const second = await mirror.sync({ flags: { upstream }, openProver });
      expect(second.outcome).toBe('unchanged');
    });
  });

  describe('that upstream blocks', () => {
    test('asks once, for however many databases, and the next one not at all, until somebody retries', async () => {
      await using mirror = await startMirror();
      mirror.upstream.fail('*', {
        status: 429,
        said: '<title>Slow down</title>',
        headers: { 'cf-ray': '8c1f-FRA' },
      });
      const flags = { databases: 'test,main,daily' };
      const codes = async (change: Record<string, string> = {}) => {
        mirror.upstream.forget();
        const { databases } = await mirror.sync({ flags: { ...flags, ...change }, openProver });
        const reasons = Object.values(databases).map(({ reason = '' }) => reason);
        for (const reason of reasons) expect(reason).toMatch(/test\.cvd.*Slow down.*8c1f-FRA/);
        return {
          codes: new Set(Object.values(databases).map(({ code }) => code)),
          requests: mirror.upstream.requests.length,
        };
      };
      const blocked = new Set(['upstream/cool-down']);
      expect(await codes()).toEqual({ codes: blocked, requests: 1 });
      expect(await codes()).toEqual({ codes: blocked, requests: 0 });
      expect(await codes({ retry: 'true' })).toEqual({ codes: blocked, requests: 1 });
      mirror.upstream.fail('*');
      const lines: string[] = [];
      const log = { info: (line: string) => lines.push(line), warn() {}, progress() {} };
      const report = await mirror.sync({ flags: { retry: 'true' }, log, openProver });
      expect(report.outcome).toBe('published');
      expect(lines.some((line) => line.includes('asked once more'))).toBe(true);
      expect((await mirror.sync({ openProver, now: () => new Date(Date.now() + DAY / 8) })).outcome).toBe(
        'unchanged',
      );
      expect(await coolDownOf(mirror)).toBeUndefined();
    });
  });
});

async function throughProxy(proxy: string, url: string): Promise<Buffer> {
  const { hostname, port } = new URL(proxy);
  return await new Promise((resolve, reject) => {
    request({ hostname, port, path: url, headers: { host: new URL(url).host } }, async (answer) => {
      resolve(Buffer.concat(await answer.toArray()));
    })
      .on('error', reject)
      .end();
  });
}
