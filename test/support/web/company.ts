import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';

/** Paths of a certificate authority that nobody knows, such as a company has. */
export interface Company {
  readonly ca: string;
  readonly key: string;
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Makes an authority in a folder, by the openssl command. */
export function makeCompany(folder: string): Company {
  const [ca, key] = [join(folder, 'company.pem'), join(folder, 'company.key')];
  openssl('req', '-x509', ...EC, '-days', '2', '-subj', '/CN=The company', '-keyout', key, '-out', ca);
  return { ca, key };
}

/** Lets it sign a certificate for a host; `names` is as OpenSSL writes it, such as `DNS:mirror.test`. */
export function signHost({ ca, key }: Company, folder: string, names: string): { cert: string; key: string } {
  const at = (end: string) => join(folder, `host.${end}`);
  openssl('req', ...EC, '-subj', '/CN=host', '-keyout', at('key'), '-out', at('csr'));
  writeFileSync(at('names'), `subjectAltName=${names}\n`);
  const by = ['-CA', ca, '-CAkey', key, '-CAcreateserial', '-extfile', at('names')];
  openssl('x509', '-req', '-in', at('csr'), ...by, '-days', '2', '-out', at('pem'));
  return { cert: at('pem'), key: at('key') };
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}

/** A host that speaks TLS before `target`, a port of this machine that does not, under any name. */
export async function startTls(pair: { cert: string; key: string }, target: number): Promise<TlsHost> {
  const options = { cert: readFileSync(pair.cert), key: readFileSync(pair.key) };
  const server = createServer(options, (socket) => {
    const onward = connect(target, '127.0.0.1');
    socket.on('error', () => onward.destroy()).pipe(onward);
    onward.on('error', () => socket.destroy()).pipe(socket);
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket.once('close', () => sockets.delete(socket))));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

export interface TlsHost extends AsyncDisposable {
  readonly port: number;
}
