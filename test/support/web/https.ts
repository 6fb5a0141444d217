import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { makeCompany, signHost } from './company.ts';

export interface HttpsHost extends AsyncDisposable {
  /** Without a final slash. */
  readonly url: string;
}

/** An HTTPS host on 127.0.0.1, also for `host.test`, with a certificate that this process trusts until the host is gone. */
export async function startHttpsHost(answer: RequestListener): Promise<HttpsHost> {
  const { ca, ...pair } = certificate();
  const before = getCACertificates('default');
  setDefaultCACertificates([...before, ca]);
  const server = createServer(pair, answer).listen(0, '127.0.0.1');
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

/** Texts in PEM. */
function certificate(): Readonly<Record<'ca' | 'key' | 'cert', string>> {
  const read = (path: string) => readFileSync(path, 'utf8');
  const folder = mkdtempSync(join(tmpdir(), 'https-'));
  try {
    const company = makeCompany(folder);
    const { key, cert } = signHost(company, folder, 'IP:127.0.0.1,DNS:host.test');
    return { ca: read(company.ca), key: read(key), cert: read(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
