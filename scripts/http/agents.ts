import { type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { isInside, literalHost, lookupOutside, lookupTelling } from './internal-addresses.ts';
import { prepareNetwork } from './network.ts';
import type { Proxies } from './proxies.ts';

/**
 * Connections to one host, and to where it redirects. A redirect stays on http and https, goes from https never to http,
 * and from a host outside never inside: else whoever answers for upstream could ask this machine's network for it. What a
 * name stands for is judged where the connection is made. A host that is inside itself may redirect there. Behind a proxy
 * it is the proxy that looks names up; there, only addresses are judged.
 */
export class Agents implements AsyncDisposable {
  readonly #host: string;
  readonly #first: EnvHttpProxyAgent;
  readonly #outside: EnvHttpProxyAgent;
  readonly #mayLeadInside: boolean;
  #isInside = false;

  constructor(url: string, proxies: Proxies, connect: { readonly timeout: number; readonly ca?: string }) {
    prepareNetwork();
    const { httpProxy, httpsProxy, noProxy, privateRedirects = false } = proxies;
    const base = new URL(url);
    const literal = literalHost(base);
    this.#host = base.hostname;
    this.#mayLeadInside = privateRedirects || (literal !== undefined && isInside(literal));
    const told = lookupTelling((hostname, inside) => {
      if (hostname === this.#host) this.#isInside = inside;
    });
    const proxied = { httpProxy, httpsProxy, noProxy };
    this.#first = new EnvHttpProxyAgent({ ...proxied, connect: { ...connect, lookup: told } });
    const hosts = [httpProxy, httpsProxy].map((proxy) => URL.parse(proxy)?.hostname);
    const outside: typeof lookupOutside = (hostname, options, callback) =>
      (hosts.includes(hostname) ? told : lookupOutside)(hostname, options, callback);
    this.#outside = new EnvHttpProxyAgent({ ...proxied, connect: { ...connect, lookup: outside } });
  }

  get first(): Dispatcher {
    return this.#first;
  }

  /** Where a redirect leads, and by which connections; or why it is not followed. */
  follow(from: string, location: string): { url: string; dispatcher: Dispatcher } | string {
    const next = URL.parse(location, from);
    if (next === null || !/^https?:$/.test(next.protocol))
      return 'is redirected to what is no http or https URL';
    if (from.startsWith('https:') && next.protocol === 'http:')
      return 'is redirected from https to plain http';
    if (this.#mayLeadInside || this.#isInside) return { url: next.href, dispatcher: this.#first };
    const literal = literalHost(next);
    if (literal !== undefined && isInside(literal))
      return `is redirected from outside to ${literal}, which is inside`;
    return { url: next.href, dispatcher: this.#outside };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#first.destroy(), this.#outside.destroy()]);
  }
}
