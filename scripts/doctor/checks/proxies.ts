import { connect } from 'node:net';
import { PROXY_MS } from '../../base/limits/doctor.ts';
import { proxyFor, proxyWords } from '../../http/proxies.ts';
import type { DoctorContext } from '../context.ts';
import { badBy, good, type Seen, skipped } from '../finding.ts';
import { hostsOf } from '../hosts.ts';

/** The proxies of the settings are there. Tells which host is reached by which of them, and which setting names it. */
export async function checkProxies({ settings }: Pick<DoctorContext, 'settings'>): Promise<Seen> {
  const { proxies } = settings.sync;
  const { httpProxy, httpsProxy, namedBy } = proxies;
  const given = new Map(
    [
      [httpProxy, namedBy?.http ?? 'HTTP_PROXY'] as const,
      [httpsProxy, namedBy?.https ?? 'HTTPS_PROXY'] as const,
    ].filter(([url]) => url !== ''),
  );
  if (given.size === 0) return skipped('none is set');
  for (const [url, name] of given) {
    const { hostname, port, protocol, origin } = new URL(url);
    const usual = protocol === 'https:' ? 443 : 80;
    try {
      await reach(hostname.replace(/^\[(.*)\]$/, '$1'), Number(port || usual));
    } catch (error) {
      return badBy(
        new Error(`${name} names ${origin}, which does not answer`, { cause: error }),
        `Correct it, or do without: ${name.startsWith('-') ? `leave ${name} out` : `unset ${name}`}; what needs none goes into NO_PROXY`,
      );
    }
  }
  const ways = hostsOf(settings.sync).map(({ name, url }) => {
    const words = proxyWords(url, proxies);
    if (words === undefined) return `${name} directly`;
    const hasUser = proxyFor(url, proxies)?.username !== '';
    return `${name} through ${words}${hasUser ? ', with a user and password' : ''}`;
  });
  const { noProxy } = proxies;
  return good(`${ways.join('; ')}${noProxy === '' ? '' : `; NO_PROXY is ${noProxy}`}`);
}

async function reach(host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port, timeout: PROXY_MS });
    socket.once('connect', resolve);
    socket.once('timeout', () => reject(new Error(`no answer within ${PROXY_MS / 1000} s`)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed'))); // after any other it says nothing
    const end = () => socket.destroy();
    socket.once('connect', end).once('timeout', end);
  });
}
