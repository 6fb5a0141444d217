import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { describeWithOpenssl } from '../../support/sign/openssl.ts';
import { openClient, temporaryFolder } from '../support.ts';
import { startProxy } from './proxy.ts';

const CVD = Buffer.alloc(1000, 'cvd');

describeWithOpenssl('for HTTPS', () => {
  /** An HTTPS host for `mirror.test` that this process trusts; every file is the CVD. */
  async function startHttps(folder: { path(name: string): string }): Promise<number> {
    const [key, cert] = [folder.path('key.pem'), folder.path('cert.pem')];
    const names = ['-subj', '/CN=mirror.test', '-addext', 'subjectAltName=DNS:mirror.test'];
    const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
    spawnSync('openssl', ['req', '-x509', ...made, ...names, '-keyout', key, '-out', cert]);
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, readFileSync(cert, 'utf8')]);
    onTestFinished(() => setDefaultCACertificates(before));
    const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => {
      response.end(CVD);
    });
    onTestFinished(() => {
      server.close();
      server.closeAllConnections();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  test('a tunnel is opened, with the credentials, and the certificate is that of upstream', async () => {
    await using folder = await temporaryFolder();
    await using proxy = await startProxy(await startHttps(folder), 'me:secret');
    const httpsProxy = proxy.url('me:secret');
    await using open = openClient('https://mirror.test', { proxies: { httpsProxy } });
    expect(await open.client.probe('daily.cvd')).toHaveLength(522);
    expect(proxy.seen).toEqual([{ line: 'CONNECT mirror.test:443', credentials: 'me:secret' }]);

    await using other = openClient('https://other.test', { proxies: { httpsProxy } });
    await expect(other.client.probe('daily.cvd')).rejects.toMatchObject({ code: 'upstream/tls' });
  });

  test('the proxy for HTTP is used if there is no other', async () => {
    await using folder = await temporaryFolder();
    await using proxy = await startProxy(await startHttps(folder));
    await using open = openClient('https://mirror.test', { proxies: { httpProxy: proxy.url() } });
    expect(await open.client.probe('daily.cvd')).toHaveLength(522);
    expect(proxy.seen).toMatchObject([{ line: 'CONNECT mirror.test:443' }]);
  });
});
