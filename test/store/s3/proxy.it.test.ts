import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { request as forward } from 'node:http';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { explain } from '../../../scripts/base/errors.ts';
import { storeSettings } from '../../../scripts/settings/commands/store.ts';
import { openStore } from '../../../scripts/store/open.ts';
import type { S3Options } from '../../../scripts/store/s3/address.ts';
import type { Store } from '../../../scripts/store/store.ts';
import { MANIFEST } from '../../../scripts/store/store.ts';
import { describeWithCeph, newBucket, type TestBucket } from '../../support/s3/s3.ts';
import { describeWithOpenssl } from '../../support/sign/openssl.ts';
import { startProxy } from '../../upstream/proxy/proxy.ts';
import { sha256, temporaryFolder } from '../support.ts';

/** A port at which nobody is. */
const NOBODY = 'http://127.0.0.1:9';

describeWithCeph('a bucket behind a proxy', (ceph) => {
  let bucket: TestBucket;
  beforeEach(async () => {
    bucket = await newBucket(ceph);
  });
  const portOf = (url: string) => Number(new URL(url).port);
  const open = async (endpoint: string, environment: Record<string, string>): Promise<Store> => {
    const flags = { store: `s3://${bucket.name}`, 's3-endpoint': endpoint };
    const { store, s3 } = storeSettings({ flags, environment });
    return await openStore(store, s3);
  };
  /** Large enough to go in parts. */
  const publishOne = async (store: Store) => {
    const path = join(temporaryFolder(), 'test.cvd');
    const bytes = Buffer.alloc(10_000_000, 'proven');
    writeFileSync(path, bytes);
    await using publication = await store.begin(undefined);
    await publication.put('test.cvd', path, { sha256: sha256(bytes) });
    await publication.commit('{}');
    expect(await bucket.keys()).toEqual(expect.arrayContaining([MANIFEST, 'test.cvd']));
  };
  /** An HTTPS host for `store.test`, which this process trusts, before the bucket. */
  async function startHttps(): Promise<number> {
    const folder = temporaryFolder();
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const names = ['-subj', '/CN=store.test', '-addext', 'subjectAltName=DNS:store.test'];
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
    spawnSync('openssl', ['req', '-x509', ...made, ...names, '-keyout', key, '-out', cert]);
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, readFileSync(cert, 'utf8')]);
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
      const { method, url, headers } = request;
      const onward = forward({ host: '127.0.0.1', port: portOf(ceph.endpoint), method, path: url, headers });
      onward.on('error', () => response.destroy());
      onward.on('response', (answer) =>
        answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers)),
      );
      request.pipe(onward);
    });
    onTestFinished(() => {
      setDefaultCACertificates(before);
      server.close();
      server.closeAllConnections();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  test('takes a publication through it, with the credentials of its URL', async () => {
    await using proxy = await startProxy(portOf(ceph.endpoint), 'me:p@ss word');
    const store = await open('http://store.test', { HTTP_PROXY: proxy.url('me:p%40ss%20word') });
    await publishOne(store);
    expect(proxy.seen.length).toBeGreaterThan(5);
    for (const { line, credentials } of proxy.seen) {
      expect(line).toMatch(/^[A-Z]+ http:\/\/store\.test(:80)?\//);
      expect(credentials).toBe('me:p@ss word');
    }
  });

  describeWithOpenssl('by HTTPS', () => {
    test.each(['https_proxy', 'HTTP_PROXY'])(
      'takes it through a tunnel that %s names, and shows its own certificate',
      async (name) => {
        await using proxy = await startProxy(await startHttps(), 'me:secret');
        const environment = { [name]: proxy.url('me:secret') };
        await publishOne(await open('https://store.test', environment));
        expect(new Set(proxy.seen.map(({ line }) => line))).toEqual(new Set(['CONNECT store.test:443']));
        const other = await open('https://other.test', environment);
        await expect(other.readManifest()).rejects.toMatchObject({ code: 'store/unreachable' });
      },
    );
  });

  test('that wants other credentials cannot be reached, and no secret is told', async () => {
    await using proxy = await startProxy(portOf(ceph.endpoint), 'me:secret');
    const environment = { HTTP_PROXY: proxy.url('me:hunter2') };
    for (const endpoint of ['http://store.test', 'https://store.test']) {
      const error = await (await open(endpoint, environment)).readManifest().catch((error) => error);
      expect(error).toMatchObject({ code: 'store/unreachable', advice: expect.stringContaining('NO_PROXY') });
      expect(explain(error) + JSON.stringify(error)).not.toMatch(/hunter2|secret/);
    }
  });

  test('that is not there cannot be reached: nothing goes around it', { timeout: 60_000 }, async () => {
    const store = await open('http://store.test', { HTTP_PROXY: NOBODY });
    await expect(store.readManifest()).rejects.toMatchObject({ code: 'store/unreachable' });
  });

  test('is not asked for this machine itself', async () => {
    await publishOne(await open(ceph.endpoint, { HTTP_PROXY: NOBODY }));
  });

  describe('NO_PROXY', () => {
    // nobody knows these names and networks, so what goes past the proxy ends there
    test.each([
      ['http://store.test', 'store.test', 0],
      ['http://store.test', 'example.org store.test', 0],
      ['http://store.test', '*', 0],
      ['http://a.store.test', 'store.test', 0],
      ['http://a.store.test', '.store.test', 0],
      ['http://192.0.2.7:9', '192.0.0.0/16', 0],
      ['http://astore.test', 'store.test', 1],
      ['http://store.test', 'example.org, .test.store', 1],
      ['http://192.0.2.7:9', '192.0.2.8/32,10.0.0.0/8', 1],
    ])('leads to %s past the proxy, or not: "%s"', { timeout: 60_000 }, async (endpoint, NO_PROXY, seen) => {
      await using proxy = await startProxy(portOf(ceph.endpoint));
      const flags = { store: `s3://${bucket.name}`, 's3-endpoint': endpoint };
      const { store, s3 } = storeSettings({ flags, environment: { HTTP_PROXY: proxy.url(), NO_PROXY } });
      const opened = await openStore(store, { ...s3, attempts: 1 });
      await opened.readManifest().catch(() => {});
      expect(proxy.seen).toHaveLength(seen);
    });
  });

  test('only the settings decide: without them, the environment of the process does not', async () => {
    const options: S3Options = { endpoint: ceph.endpoint };
    process.env.HTTP_PROXY = NOBODY;
    onTestFinished(() => {
      delete process.env.HTTP_PROXY;
    });
    await publishOne(await openStore(`s3://${bucket.name}`, options));
  });
});
