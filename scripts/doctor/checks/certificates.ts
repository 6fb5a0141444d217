import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { explain } from '../../base/errors.ts';
import { CERTIFICATES_BYTES, PROXY_MS } from '../../base/limits/doctor.ts';
import { printable } from '../../base/printable.ts';
import { readText } from '../../files/open.ts';
import { certificatesIn } from '../../http/certificates.ts';
import { type Proxies, proxyFor } from '../../http/proxies.ts';
import { tlsTo } from '../../http/tls-to.ts';
import type { DoctorContext } from '../context.ts';
import { bad, good, type Seen, skipped } from '../finding.ts';
import { hostsOf } from '../hosts.ts';

/**
 * Files with certificates that the settings name hold some: Node passes over one that it cannot read. And the chain of each
 * host that a run connects to by TLS ends at a certificate that is trusted.
 */
export async function checkCertificates({ settings }: Pick<DoctorContext, 'settings'>): Promise<Seen> {
  const { proxies } = settings.sync;
  const told: string[] = [];
  const named = new Map<string, string>();
  for (const [name, path] of Object.entries(settings.certificates)) {
    try {
      const bytes = Buffer.from(await readText(path, CERTIFICATES_BYTES, { follow: true }), 'latin1');
      const found = certificatesIn(bytes);
      for (const pem of found) named.set(new X509Certificate(pem).fingerprint256, name);
      told.push(`${name} ${path} has ${found.length}`);
    } catch (error) {
      return bad(
        `${name} names ${path}, of which no certificates can be read: ${explain(error)}`,
        `Look at it: openssl x509 -in '${path}' -noout -subject; or unset ${name}`,
      );
    }
  }
  const unusable = proxies.authorities?.unusable[0];
  if (unusable !== undefined) return bad(unusable, 'Correct the file, or leave that setting out');
  const hosts = hostsOf(settings.sync).filter(({ url }) => url.startsWith('https:'));
  // all at once: several that do not answer must not use up the time of this check
  const chains = hosts.map(async (host) => ({ ...host, seen: await chainOf(host.url, proxies) }));
  for (const { name, url, seen } of await Promise.all(chains)) {
    if (seen === undefined) continue; // the checks of that host say why
    if (seen.refused !== undefined) return untrusted(name, url, proxies, seen);
    const by = named.get(seen.fingerprint);
    told.push(
      `${name} is signed by ${seen.root}, ${by === undefined ? 'which this system trusts' : `of ${by}`}`,
    );
  }
  return told.length === 0
    ? skipped('no file with certificates is named, and no host is asked by TLS')
    : good(told.join('; '));
}

interface Chain {
  /** Name of the last signer that the host shows. */
  readonly root: string;
  readonly fingerprint: string;
  /** Reason of OpenSSL against it. */
  readonly refused: string | undefined;
}

async function chainOf(url: string, proxies: Proxies): Promise<Chain | undefined> {
  const socket = await tlsTo(url, proxies, PROXY_MS).catch(() => undefined);
  if (socket === undefined) return undefined;
  const last = lastOf(socket);
  const { issuer, fingerprint256: fingerprint } = last;
  socket.destroy();
  const parts = [issuer?.CN, issuer?.O].flat().filter((part) => part !== undefined);
  const root = JSON.stringify(printable(parts.join(', ')).slice(0, 100));
  return { root, fingerprint, refused: socket.authorized ? undefined : String(socket.authorizationError) };
}

function lastOf(socket: TLSSocket): DetailedPeerCertificate {
  let at = socket.getPeerCertificate(true);
  for (let depth = 0; depth < 10 && at.issuerCertificate && at.issuerCertificate !== at; depth++)
    at = at.issuerCertificate;
  return at;
}

function untrusted(name: string, url: string, proxies: Proxies, { root, refused }: Chain): Seen {
  const { hostname, port } = new URL(url);
  const proxy = proxyFor(url, proxies);
  const user = proxy?.username ? ' -proxy_user USER -proxy_pass env:PASSWORD' : '';
  const way = proxy === undefined ? '' : ` -proxy ${proxy.hostname}:${proxy.port || 80}${user}`;
  const target = `${hostname}:${port || 443}`;
  return bad(
    `the certificate of ${name} is not trusted (${refused}): its chain ends at ${root}`,
    `Look at it: openssl s_client -connect ${target}${way} -showcerts </dev/null. If that is the CA of your own network, ask ` +
      'who runs it for the certificate, and name that by --ca-file',
  );
}
