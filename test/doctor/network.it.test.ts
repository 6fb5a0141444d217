import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { startHost } from '../../scripts/host/host.ts';
import { MANIFEST } from '../../scripts/store/store.ts';
import { offered } from '../support/mirror/cycle.ts';
import { startUpstream, type TestUpstream } from '../support/mirror/upstream.ts';
import { describeWithOfficial } from '../support/setup/official.ts';
import { describeWithOpenssl } from '../support/sign/openssl.ts';
import { describeWithDnsmasq, startDeadNameserver, startNameserver } from '../support/web/dns.ts';
import { startProxy } from '../upstream/proxy/proxy.ts';
import { fault, finding, findings, lineOf, NOBODY, SKIPPED, temporaryFolder, WELL } from './support.ts';

const NAME = 'current.cvd.test';

describeWithDnsmasq('the record in the DNS', () => {
  const ask = async (nameservers: string) => await finding('dns', { flags: { dns: NAME, nameservers } });
  const answered = async (...texts: string[]) => {
    await using server = await startNameserver({ [NAME]: texts });
    return await ask(server.address);
  };
  const record = (age: number) => `1.4.6:63:28034:${Math.round(Date.now() / 1000) - age}:1:90:49192:339`;

  test('is well, and its age told', async () => {
    expect(await answered(record(1200))).toMatchObject({
      ok: true,
      found: expect.stringMatching(/daily 28034.*20 min old/),
    });
  });

  test('is stale', async () => {
    expect(await answered(record(20.5 * 3600))).toEqual(fault(/20 hours/, /--nameservers.*--dns off/));
  });

  test('is another one', async () => {
    expect(await answered('v=spf1 -all')).toEqual(fault(/no record of ClamAV's form/, /dig TXT.*--dns off/));
  });

  test('is not answered for', async () => {
    await using dead = await startDeadNameserver();
    expect(await ask(dead.address)).toEqual(fault(/no nameserver answered/, /--nameservers.*--dns off/));
  });

  test('is not asked for', async () => {
    expect(await finding('dns')).toEqual(SKIPPED);
  });
});

describeWithOfficial('upstream', () => {
  let upstream: TestUpstream;
  beforeEach(async () => {
    upstream = await startUpstream(offered(6));
  });
  afterEach(async () => await upstream[Symbol.asyncDispose]());
  const flagsOf = (change: Record<string, string> = {}) => ({ upstream: upstream.url, ...change });

  test('is asked for 522 bytes of one database, once for all checks', async () => {
    const flags = flagsOf({ databases: 'test,main,daily' });
    expect(await findings(['upstream', 'clock'], { flags })).toEqual([
      expect.objectContaining({ ok: true, found: expect.stringContaining('test 6') }),
      WELL,
    ]);
    expect(upstream.requests).toMatchObject([{ name: 'test.cvd', range: 'bytes=0-521', method: 'GET' }]);
    expect(upstream.sent()).toBe(522);
  });

  test.each([
    ['refuses this address', { status: 403 }, /403/, /wait .*--upstream/],
    ['asks for patience', { status: 429, retryAfter: '600' }, /429/, /wait .*--upstream/],
    ['is in trouble', { status: 503 }, /503/, /./],
    ['has no such database', { status: 404 }, /no test\.cvd/, /--databases/],
    ['gives a page', { page: '<!doctype html>welcome'.padEnd(2000) }, /HTML/, /in a browser/],
    ['hangs up', { cutAfter: 'head' }, /cannot get test\.cvd/, /HTTPS_PROXY.*curl/],
  ] as const)('%s', async (_, trouble, found, advice) => {
    upstream.fail('*', trouble);
    expect(await finding('upstream', { flags: flagsOf() })).toEqual(fault(found, advice));
    expect(upstream.requests).toHaveLength('page' in trouble ? 2 : 1); // a page is asked for once more
  });

  test('is not there, which the clock cannot be blamed for', async () => {
    expect(await findings(['upstream', 'clock'], {})).toEqual([fault(/ECONNREFUSED/, /curl/), SKIPPED]);
  });

  test('is left alone while a cool-down is on, and what it answers starts none', async () => {
    const folder = temporaryFolder();
    const [store, work] = [join(folder, 'mirror'), join(folder, 'mirror.work')];
    const until = new Date(Date.now() + 3_600_000).toISOString();
    const coolDowns = { [upstream.url]: { until, reason: 'it answered 403 to test.cvd' } };
    mkdirSync(work);
    const state = join(work, 'state.json');
    writeFileSync(state, JSON.stringify({ coolDowns }));
    const flags = flagsOf({ store });
    expect(await finding('upstream', { flags })).toEqual(fault(/left alone until/, /wait/));
    expect(upstream.requests).toEqual([]);
    const other = JSON.stringify({ coolDowns: {} });
    writeFileSync(state, other);
    upstream.fail('*', { status: 403 });
    expect(await finding('upstream', { flags })).toEqual(fault(/403/, /wait/));
    expect(readFileSync(state, 'utf8')).toBe(other);
    expect(readdirSync(work)).toEqual(['state.json']);
  });

  test.each([
    [-3_600_000, /1 hour behind/],
    [3_600_000, /1 hour ahead/],
  ])('has another time than this machine: %i', async (off, found) => {
    const context = { now: () => new Date(Date.now() + off) };
    expect(await finding('clock', { flags: flagsOf(), context })).toEqual(
      fault(found, /timedatectl set-ntp true/),
    );
  });

  test.each([-240_000, 240_000])('has about the same time: %i', async (off) => {
    const context = { now: () => new Date(Date.now() + off) };
    expect(await finding('clock', { flags: flagsOf(), context })).toEqual(WELL);
  });

  test('is asked by way of a cache, whose answer is as old as it says', async () => {
    const date = new Date(Date.now() - 3_600_000).toUTCString();
    const server = createPlainServer(
      (_, response) => void response.writeHead(404, { date, age: '3600' }).end(),
    );
    onTestFinished(() => void server.close());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const flags = { upstream: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    expect(await finding('clock', { flags })).toEqual(WELL);
  });

  describeWithOpenssl('by HTTPS', () => {
    const start = async () => {
      const folder = temporaryFolder();
      const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
      const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '2'];
      const make = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
      execFileSync('openssl', [...make, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
      const start = readFileSync(offered(6).get('test.cvd') ?? '').subarray(0, 522);
      const pems = { key: readFileSync(key), cert: readFileSync(cert) };
      const server = createServer(pems, (_, response) => void response.writeHead(206).end(start));
      onTestFinished(() => {
        server.close();
        server.closeAllConnections();
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, cert };
    };

    test('has a certificate that nobody knows, until it is named', async () => {
      const { url, cert } = await start();
      const flags = { upstream: url };
      expect(await finding('upstream', { flags })).toEqual(fault(/certificate/i, /NODE_EXTRA_CA_CERTS=/));
      const environment = { NODE_EXTRA_CA_CERTS: cert };
      expect(await lineOf('upstream', flags, { environment })).toEqual(WELL);
    });
  });
});

describe('certificates of the environment', () => {
  const named = async (path: string) =>
    await finding('certificates', { environment: { NODE_EXTRA_CA_CERTS: path } });

  test('are none', async () => {
    expect(await finding('certificates')).toEqual(SKIPPED);
  });

  test('cannot be read, which Node itself passes over', async () => {
    expect(await named('/nowhere/ca.pem')).toEqual(fault(/NODE_EXTRA_CA_CERTS.*ENOENT/, /unset NODE_EXTRA/));
  });

  test.each(['no certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'])(
    'are something else: %j',
    async (text) => {
      const path = join(temporaryFolder(), 'ca.pem');
      writeFileSync(path, text);
      expect(await named(path)).toEqual(fault(/ca\.pem/, /openssl x509/));
    },
  );
});

describe('proxies of the environment', () => {
  test('answer, and are told without a password', async () => {
    await using proxy = await startProxy(9);
    const environment = { HTTPS_PROXY: proxy.url('me:secret'), NO_PROXY: 'here.example' };
    const found = await finding('proxies', { environment });
    expect(found).toMatchObject({ ok: true, found: expect.stringContaining('here.example') });
    expect(JSON.stringify(found)).not.toContain('secret');
    expect(proxy.seen).toEqual([]);
  });

  test('are not there', async () => {
    const found = await finding('proxies', { environment: { http_proxy: 'http://me:secret@127.0.0.1:9' } });
    expect(found).toEqual(fault(/http_proxy.*ECONNREFUSED/, /unset http_proxy/));
    expect(JSON.stringify(found)).not.toContain('secret');
  });

  test('are none', async () => {
    expect(await finding('proxies')).toEqual(SKIPPED);
  });
});

describe('the public URL', () => {
  let store: string;
  beforeEach(() => {
    store = join(temporaryFolder(), 'mirror');
    mkdirSync(store);
  });
  const find = async (url: string) => await finding('public-url', { flags: { store, 'public-url': url } });
  const publish = (text = '{"format":1}\n') => writeFileSync(join(store, MANIFEST), text);

  test('serves what the store has', async () => {
    publish();
    await using host = await startHost({ folder: store });
    expect(await find(host.url)).toEqual(WELL);
  });

  test('says 404 as long as nothing is published', async () => {
    await using host = await startHost({ folder: store });
    expect(await find(host.url)).toMatchObject({ ok: true, found: expect.stringContaining('404') });
  });

  test('serves something else', async () => {
    publish();
    await using other = await startUpstream(new Map([[MANIFEST, Buffer.from('{"format":1,"other":1}\n')]]));
    expect(await find(other.url)).toEqual(fault(/another manifest/, /serve this store.*curl/));
  });

  test('serves a mirror of which the store knows nothing', async () => {
    await using other = await startUpstream(new Map([[MANIFEST, Buffer.from('{"format":1}\n')]]));
    expect(await find(other.url)).toEqual(fault(/nothing is published in/, /--store/));
  });

  test('serves nothing', async () => {
    publish();
    await using other = await startUpstream();
    expect(await find(other.url)).toEqual(fault(/answers 404/, /site\/hosts/));
  });

  test('says 403, as a bucket does to who may not list it', async () => {
    await using other = await startUpstream();
    other.fail('*', { status: 403 });
    expect(await find(other.url)).toEqual(fault(/403.*for a day/, /404/));
  });

  test('is not there', async () => {
    expect(await find(NOBODY)).toEqual(fault(/cannot reach/, /./));
  });

  test('is not given', async () => {
    expect(await finding('public-url')).toEqual(SKIPPED);
  });
});
