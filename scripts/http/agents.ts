import { type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { isInside, literalHost, lookupOutside, lookupReporting } from './internal-addresses.ts';
import { prepareNetwork } from './network.ts';
import type { Proxies } from './proxies.ts';

/**
 * Connections to one host, and to the targets of its redirects. A redirect stays on http and https, never goes from
 * https to http, and never from a host outside to one inside: otherwise anybody who answers for upstream could send
 * requests into this machine's network. A host that is inside itself may redirect there. Names are checked where the
 * connection is made. Behind a proxy, which looks names up itself, only addresses are checked.
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
    const reported = lookupReporting((hostname, inside) => {
      if (hostname === this.#host) this.#isInside = inside;
    });
    const proxied = { httpProxy, httpsProxy, noProxy };
    this.#first = new EnvHttpProxyAgent({ ...proxied, connect: { ...connect, lookup: reported } });
    const hosts = [httpProxy, httpsProxy].map((proxy) => URL.parse(proxy)?.hostname);
    const outside: typeof lookupOutside = (hostname, options, callback) =>
      (hosts.includes(hostname) ? reported : lookupOutside)(hostname, options, callback);
    this.#outside = new EnvHttpProxyAgent({ ...proxied, connect: { ...connect, lookup: outside } });
  }

  get first(): Dispatcher {
    return this.#first;
  }

  /** Target of a redirect and the connections for it, or the reason why it is not followed. */
  follow(from: string, location: string): { url: string; dispatcher: Dispatcher } | string {
    const next = URL.parse(location, from);
    if (next === null || !/^https?:$/.test(next.protocol))
      return 'is redirected to a URL that is not http or https';
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
