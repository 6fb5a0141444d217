import { connect } from 'node:net';
import { PROXY_MS } from '../../base/limits/doctor.ts';
import type { DoctorContext } from '../context.ts';
import { badBy, good, type Seen, skipped } from '../finding.ts';

/** The proxies of the environment are there. */
export async function checkProxies({ settings }: Pick<DoctorContext, 'settings'>): Promise<Seen> {
  const { httpProxy, httpsProxy, noProxy } = settings.sync.proxies;
  const given = Object.entries({ HTTP_PROXY: httpProxy, HTTPS_PROXY: httpsProxy }).filter(
    ([, url]) => url !== '',
  );
  if (given.length === 0) return skipped('none is set');
  for (const [name, url] of given) {
    const { hostname, port, protocol } = new URL(url);
    const usual = protocol === 'https:' ? 443 : 80;
    try {
      await reach(hostname.replace(/^\[(.*)\]$/, '$1'), Number(port || usual));
    } catch (error) {
      return badBy(
        new Error(`${name} names ${plain(url)}, which does not answer`, { cause: error }),
        `Correct it, or unset ${name} ${name.toLowerCase()}; what needs none goes into NO_PROXY`,
      );
    }
  }
  const named = given.map(([name, url]) => `${name} ${plain(url)}`).join(', ');
  return good(`${named}${noProxy === '' ? '' : `, but for ${noProxy}`}`);
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

/** Without user and password. */
function plain(url: string): string {
  return new URL(url).origin;
}
