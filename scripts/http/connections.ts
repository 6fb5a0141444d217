import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { prepareNetwork } from './network.ts';
import { type Proxies, proxyFor } from './proxies.ts';
import { orByTunnel } from './tunnel-instead.ts';

/** Options of a connection to a host, however it is reached. `ca`: the only certificates to trust. */
export interface Connecting {
  /** Milliseconds. */
  readonly timeout?: number;
  readonly ca?: string;
  /** Look-up for direct connections. A proxy looks names up itself. */
  readonly lookup?: Agent.Options['connect'] extends infer Connect ? LookupOf<Connect> : never;
}

type LookupOf<Connect> = Extract<Connect, { lookup?: unknown }>['lookup'];

/**
 * The door out for each request by undici: directly, or through the proxy that `proxyFor` chooses, so that all requests of
 * ours and the tools that we start take the same way.
 */
export class Connections implements AsyncDisposable {
  readonly dispatcher: Dispatcher;
  readonly #agents: readonly Dispatcher[];

  constructor(proxies: Proxies, { lookup, ...target }: Connecting = {}) {
    prepareNetwork(proxies.authorities);
    const direct = new Agent({ connect: { ...target, ...(lookup && { lookup }) } });
    const { timeout } = target;
    const agentFor = (uri: string, proxyTunnel: boolean) =>
      new ProxyAgent({
        uri,
        proxyTunnel,
        ...(timeout !== undefined && { connectTimeout: timeout }),
        ...(target.ca !== undefined && { requestTls: { ca: target.ca } }),
      });
    const proxied = new Map(
      [proxies.httpProxy, proxies.httpsProxy]
        .filter((url) => url !== '')
        .map((url) => [new URL(url).href, [agentFor(url, false), agentFor(url, true)] as const]),
    );
    const opensTunnelsOnly = new Set<string>();
    this.#agents = [direct, ...[...proxied.values()].flat()];
    this.dispatcher = direct.compose((dispatch) => (options, handler) => {
      const origin = String(options.origin);
      const proxy = proxyFor(origin, proxies)?.href ?? '';
      const agents = proxied.get(proxy);
      if (agents === undefined) return dispatch(options, handler);
      const [usual, tunnel] = agents;
      if (opensTunnelsOnly.has(proxy)) return tunnel.dispatch(options, handler);
      const isPlain = origin.startsWith('http:') && options.method === 'GET';
      if (!isPlain) return usual.dispatch(options, handler);
      return orByTunnel(agents, options, handler, () => opensTunnelsOnly.add(proxy));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#agents.map((agent) => agent.destroy()));
  }
}
