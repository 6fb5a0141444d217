import dns from 'node:dns';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import { type AddressInfo, getDefaultAutoSelectFamilyAttemptTimeout, isIP } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ADDRESS_MS } from '../../scripts/base/limits/upstream.ts';
import { isTlsError, prepareNetwork, tlsAdvice } from '../../scripts/http/network.ts';
import { openGitHub } from '../../scripts/notify/github/github.ts';
import { pingHealthcheck } from '../../scripts/notify/healthcheck.ts';
import { openStore } from '../../scripts/store/open.ts';
import { quickCheck } from '../../scripts/watch/quick-check.ts';
import { deadAddress } from '../support/web/dead-address.ts';
import { freePort } from '../support/web/ports.ts';
import { openClient } from '../upstream/support.ts';

const NO_PROXIES = { httpProxy: '', httpsProxy: '', noProxy: '' };

/** Lets a name that nobody has stand for these addresses. */
function nameFor(name: string, addresses: readonly string[]): void {
  const lookup = dns.lookup;
  const ours = (host: string, options: dns.LookupAllOptions, callback: (...args: unknown[]) => void) => {
    if (host !== name) return lookup(host, options, callback);
    callback(
      null,
      addresses.map((address) => ({ address, family: isIP(address) })),
    );
  };
  Object.assign(dns, { lookup: ours });
  syncBuiltinESMExports();
  onTestFinished(() => {
    Object.assign(dns, { lookup });
    syncBuiltinESMExports();
  });
}

test('a name whose first address is dead, and whose second is slow, is reached by every client that we have', async () => {
  const served: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    served.push(url);
    if (url === '/user')
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ login: 'somebody' }));
    else if (url === '/daily.cvd') response.end(Buffer.alloc(522));
    else response.writeHead(url === '/ping' ? 200 : 404).end();
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close().closeAllConnections());
  await new Promise((resolve) => server.once('listening', resolve));
  const { port: target } = server.address() as AddressInfo;
  const port = await freePort();
  await using first = await deadAddress('127.0.1.1', port);
  await using slow = await deadAddress('127.0.1.2', port, target);
  await using third = await deadAddress('127.0.1.3', port);
  await using last = await deadAddress('127.0.1.4', port);
  nameFor(
    'slow.test',
    [first, slow, third, last].map(({ address }) => address),
  );
  const url = `http://slow.test:${port}`;
  await using open = openClient(url, { patience: { attempts: 1 } });
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'test');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'test');
  const store = await openStore('s3://bucket', {
    endpoint: url,
    region: 'us-east-1',
    pathStyle: true,
    proxies: NO_PROXIES,
  });
  const about = { owner: 'o', repo: 'r', token: 't', apiUrl: url, login: undefined, proxies: NO_PROXIES };
  const look = {
    asked: undefined,
    publicUrl: url,
    upstreams: [url],
    databases: ['daily'],
    record: undefined,
    nameservers: [],
    healthcheck: undefined,
  };
  const answers = Promise.all([
    open.client.probe('daily.cvd').then(({ length }) => length),
    openGitHub(about).login(),
    pingHealthcheck(`${url}/ping`, { verified: true, text: '' }, { proxies: NO_PROXIES }),
    store.readManifest(),
    quickCheck(
      {
        ...look,
        github: undefined,
        images: { newest: undefined, oldest: undefined },
        network: { proxy: undefined, noProxy: '', caFile: undefined },
        output: undefined,
        summary: undefined,
      },
      new Date(),
    ).then(({ reason }) => reason),
  ]);
  await wait(ADDRESS_MS + 300); // by now all wait for the second one
  expect(served).toEqual([]);
  slow.answer();
  expect(await answers).toEqual([522, 'somebody', undefined, undefined, expect.stringContaining('404')]);
});

test('a name with an address of IPv6, to which no way leads, is reached by that of IPv4', async () => {
  const server = createServer((_, response) => void response.end(Buffer.alloc(522))).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close().closeAllConnections());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  nameFor('both.test', ['100::1', '127.0.0.1']); // RFC 6666: whoever routes it drops it
  await using open = openClient(`http://both.test:${port}`, { patience: { attempts: 1 } });
  expect(await open.client.probe('daily.cvd')).toHaveLength(522);
});

test('every request goes out by one door: a module that opens connections itself is known, and prepares the network', () => {
  const root = join(import.meta.dirname, '..', '..', 'scripts');
  const opens =
    /\bnew (?:S3Client|EnvHttpProxyAgent|ProxyAgent|Agent|Pool|Client)\(|\b(?:tlsRequest|plainRequest|connect)\(\{|(?:await|return) fetch\(|pingBy\(fetch/;
  const openers = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && opens.test(readFileSync(join(root, name), 'utf8')),
  );
  const known = [
    'http/connections.ts', // all requests by undici: upstream, a mirror, GitHub, the healthcheck
    'http/tls-to.ts', // certificates of a host
    'store/s3/bucket.ts', // its agents are of store/s3/connection.ts
    'doctor/checks/proxies.ts', // whether a proxy is there: nothing is sent
    // Node's own fetch, without packages, in a process that check.ts has prepared
    'check.ts',
    'engine/images/registry.ts',
    'watch/quick-requests.ts',
    'notify/github/github.ts', // Octokit; its fetch takes the door
  ];
  expect(openers.filter((name) => !known.includes(name))).toEqual([]);
  const prepares = ['http/connections.ts', 'http/tls-to.ts', 'store/s3/connection.ts'];
  for (const name of [...prepares, 'engine/images/registry.ts', 'watch/quick-requests.ts'])
    expect({
      name,
      is: /^ {2,}prepareNetwork\(.*\);$/m.test(readFileSync(join(root, name), 'utf8')),
    }).toEqual({ name, is: true });
});

test('each address has some seconds in the whole process, and no less than a second retransmission', () => {
  prepareNetwork();
  expect(getDefaultAutoSelectFamilyAttemptTimeout()).toBe(ADDRESS_MS);
  expect(ADDRESS_MS).toBeGreaterThanOrEqual(3000);
});

describe('what is said of TLS', () => {
  const error = (code: string) => Object.assign(new Error('no'), { code });

  test.each([
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'SELF_SIGNED_CERT_IN_CHAIN',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  ])('%s: a CA that this machine does not know can be made known', (code) => {
    expect(isTlsError(error(code))).toBe(true);
    for (const name of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'])
      expect(tlsAdvice(error(code))).toContain(name);
  });

  test.each(['CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID', 'EPROTO'])(
    '%s: no CA would help',
    (code) => {
      expect(isTlsError(error(code))).toBe(true);
      expect(tlsAdvice(error(code))).not.toContain('SSL_CERT_FILE');
    },
  );

  test('other troubles are none of it', () => {
    expect(['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_SOCKET'].some((code) => isTlsError(error(code)))).toBe(
      false,
    );
  });
});
