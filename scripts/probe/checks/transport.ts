import { HANDSHAKE_MS } from '../../base/limits/mirror.ts';
import { counted } from '../../base/words.ts';
import type { Proxies } from '../../http/proxies.ts';
import { tlsTo } from '../../http/tls-to.ts';
import { type Finding, Findings, listed } from '../finding.ts';
import type { ProbeClient } from '../http-client.ts';

const DAY_MS = 86_400_000;
/** Days before the end of a certificate by which it should be renewed. */
const RENEWAL_DAYS = 14;

/** Reports redirects and the certificate. TLS itself works if there were answers. */
export async function checkTransport(client: ProbeClient, proxies: Proxies, now: Date): Promise<Finding[]> {
  const redirects = new Findings('mirror', 'redirects');
  const names = [...client.redirects.keys()];
  if (names.length === 0) redirects.good('none');
  else {
    const to = [...new Set([...client.redirects.values()].map((url) => new URL(url).origin))];
    redirects.good(`${listed(names)} ${names.length === 1 ? 'is' : 'are'} redirected to ${listed(to)}`);
  }
  const tls = new Findings('mirror', 'tls');
  if (client.url.startsWith('http:')) tls.good('plain http: Talos signatures protect what is sent');
  else judgeCertificate(await expiryOf(client.url, proxies), now, tls);
  return [...redirects.list, ...tls.list];
}

function judgeCertificate(expires: Date | undefined, now: Date, findings: Findings): void {
  const days = expires === undefined ? undefined : Math.floor((expires.getTime() - now.getTime()) / DAY_MS);
  if (days !== undefined && days < RENEWAL_DAYS) {
    findings.warning(
      `the certificate ends in ${counted(days, 'day')}`,
      'Renew it: clients refuse one that has ended',
    );
  } else
    findings.good(
      days === undefined ? 'a valid certificate' : `a valid certificate for another ${counted(days, 'day')}`,
    );
}

/** End of the certificate, which every request before this one has proven; `undefined` if the host does not tell again. */
async function expiryOf(url: string, proxies: Proxies): Promise<Date | undefined> {
  const socket = await tlsTo(url, proxies, HANDSHAKE_MS).catch(() => undefined);
  const ends = new Date(socket?.getPeerCertificate().valid_to ?? '');
  socket?.destroy();
  return Number.isNaN(ends.getTime()) ? undefined : ends;
}
