import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { describe, expect, inject, test } from 'vitest';
import { State } from '../../scripts/cycle/memory/state.ts';
import { trusting } from '../support/clamav/engines.ts';
import { offered, ofTest, startMirror, type TestMirror, versionOf } from '../support/mirror/cycle.ts';
import { describeWithCeph, newBucket } from '../support/s3/s3.ts';
import { describeWith, describeWithOfficial, have, official } from '../support/setup/official.ts';
import { startSquid } from '../support/web/squid.ts';

const squid = inject('squid');
const openProver = async () => trusting;
const DAY = 24 * 60 * 60_000;

/** The cool-down that a mirror's upstream has asked for, if it has. */
const coolDownOf = async (mirror: TestMirror, upstream = mirror.upstream.url) =>
  (await State.load(mirror.work)).lastCoolDownOf(upstream);

describeWithOfficial('a cycle over a real network', () => {
  describeWith(squid)('with a real squid and its stock rules', () => {
    test('finds a new version, though the proxy still takes the old one for fresh', async () => {
      await using proxy = await startSquid(have(squid));
      await using mirror = await startMirror(5);
      const through = { environment: { HTTP_PROXY: proxy.url }, openProver };
      expect((await mirror.sync(through)).outcome).toBe('published');
      for (const [name, path] of offered(6)) mirror.upstream.set(name, path);
      mirror.upstream.forget();
      // whoever does not say that he wants it fresh gets the old one
      expect(await throughProxy(proxy.url, `${mirror.upstream.url}/test.cvd`)).toEqual(
        readFileSync(official('test-5.cvd')),
      );
      expect(mirror.upstream.asked).toEqual([]);

      const report = await mirror.sync(through);
      expect(ofTest(report)).toMatchObject({ outcome: 'published', from: 5, to: 6 });
      expect(await versionOf(mirror.store)).toBe(6);
      expect(mirror.upstream.asked[0]).toBe('test.cvd');
    });

    test('takes its no for its own: no cool-down, and upstream is asked as soon as it lets us', async () => {
      await using strict = await startSquid(have(squid), [
        'acl them urlpath_regex cvd$',
        'http_access deny them',
      ]);
      await using generous = await startSquid(have(squid));
      await using mirror = await startMirror();
      const refused = await mirror.sync({ environment: { HTTP_PROXY: strict.url }, openProver });
      expect(ofTest(refused)).toMatchObject({
        code: 'upstream/proxy',
        reason: expect.stringContaining('ERR_ACCESS_DENIED'),
      });
      expect(await coolDownOf(mirror)).toBeUndefined();
      expect(mirror.upstream.asked).toEqual([]);
      expect(await strict.log()).toEqual([expect.stringContaining('TCP_DENIED/403 GET')]);
      const later = await mirror.sync({ environment: { HTTP_PROXY: generous.url }, openProver });
      expect(later.outcome).toBe('published');
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
