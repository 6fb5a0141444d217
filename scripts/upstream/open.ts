import { EnvHttpProxyAgent, interceptors } from 'undici';
import { type Patience, UpstreamClient } from './client.ts';
import { CoolDownGuard, type CoolDownMemory } from './cool-down.ts';

/** As many as freshclam follows (clamav-formats.md §6). */
const REDIRECTS = 3;
/** Milliseconds. */
const CONNECT_TIMEOUT = 15_000;

/** URLs, or empty; `noProxy` lists the hosts to reach directly. */
export interface Proxies {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
}

export interface Upstream extends AsyncDisposable {
  /** A client with a byte count of its own; all of them share connections and the cool-down. */
  client(onBytes?: (received: number) => void): UpstreamClient;
}

/** Opens one upstream, directly or through a proxy (credentials in the proxy's URL are used). */
export function openUpstream(options: {
  url: string;
  userAgent: string;
  proxies: Proxies;
  coolDown: CoolDownMemory;
  now: () => Date;
  patience?: Patience;
}): Upstream {
  const { url, userAgent, proxies, patience } = options;
  const agent = new EnvHttpProxyAgent({ ...proxies, connect: { timeout: CONNECT_TIMEOUT } });
  const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: REDIRECTS }));
  const coolDown = new CoolDownGuard(options.coolDown, options.now);
  return {
    client(onBytes) {
      const client: UpstreamClient = new UpstreamClient({
        url,
        userAgent,
        dispatcher,
        coolDown,
        ...(patience === undefined ? {} : { patience }),
        onBytes: () => onBytes?.(client.received),
      });
      return client;
    },
    [Symbol.asyncDispose]: () => agent.destroy(),
  };
}
