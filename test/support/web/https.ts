import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';

export interface HttpsHost extends AsyncDisposable {
  /** Without a final slash. */
  readonly url: string;
}

/** An HTTPS host on 127.0.0.1 with a certificate of its own, also for `host.test`, which this process trusts until the host is gone. */
export async function startHttpsHost(answer: RequestListener): Promise<HttpsHost> {
  const folder = mkdtempSync(join(tmpdir(), 'https-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:host.test'];
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1'];
  spawnSync('openssl', ['req', '-x509', ...made, ...names, '-keyout', key, '-out', cert]);
  const pem = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, pem.cert.toString()]);
  const server = createServer(pem, answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `https://127.0.0.1:${Object(server.address()).port}`,
    async [Symbol.asyncDispose]() {
      setDefaultCACertificates(before);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
