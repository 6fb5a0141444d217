import { CONNECT_MS } from '../base/limits/upstream.ts';
import type { Log } from '../base/log.ts';
import { Agents } from '../http/agents.ts';
import type { Proxies } from '../http/proxies.ts';
import { CoolDownGuard, type CoolDownMemory } from './cool-down.ts';
import { type Patience, UpstreamClient, type UpstreamFiles } from './http-client.ts';
import { isClamavsOwn } from './official.ts';

/** Where databases come from. */
export interface Upstream extends AsyncDisposable {
  /** Makes a client with its own byte count, for one database. */
  client(onBytes?: (received: number) => void, database?: string): UpstreamFiles;
}

/** An upstream over HTTP: all its clients share connections and the cool-down. */
export interface HttpUpstream extends Upstream {
  client(onBytes?: (received: number) => void): UpstreamClient;
}

/** Opens one upstream, directly or through a proxy, with the credentials in the proxy's URL. */
export function openUpstream(options: {
  url: string;
  userAgent: string;
  proxies: Proxies;
  coolDown: CoolDownMemory;
  now: () => Date;
  patience?: Partial<Patience>;
  log?: Pick<Log, 'info'>;
}): HttpUpstream {
  const { url, userAgent, proxies, patience } = options;
  const agents = new Agents(url, proxies, { timeout: CONNECT_MS });
  const coolDown = new CoolDownGuard(options.coolDown, options.now, { isOwn: isClamavsOwn(url) });
  const { setAside } = coolDown;
  if (setAside !== undefined) {
    const { reason, until } = setAside;
    options.log?.info(
      `upstream was to be left alone until ${until}, because ${reason}; it is asked once more`,
    );
  }
  return {
    client(onBytes) {
      const client: UpstreamClient = new UpstreamClient({
        url,
        userAgent,
        agents,
        coolDown,
        ...(patience === undefined ? {} : { patience }),
        onBytes: () => onBytes?.(client.received),
      });
      return client;
    },
    [Symbol.asyncDispose]: () => agents[Symbol.asyncDispose](),
  };
}
