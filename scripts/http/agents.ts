import type { Dispatcher } from 'undici';
import { Connections } from './connections.ts';
import { isInside, literalHost, lookupOutside, lookupReporting } from './internal-addresses.ts';
import { type Proxies, proxyWords } from './proxies.ts';

/**
 * Connections to one host, and to the targets of its redirects. A redirect stays on http and https, never goes from
 * https to http, and never from a host outside to one inside: otherwise anybody who answers for upstream could send
 * requests into this machine's network. A host that is inside itself may redirect there. Names are checked where the
 * connection is made. Behind a proxy, which looks names up itself, only addresses are checked.
 */
export class Agents implements AsyncDisposable {
  readonly #host: string;
  readonly #proxies: Proxies;
  readonly #first: Connections;
  readonly #outside: Connections;
  readonly #mayLeadInside: boolean;
  #isInside = false;

  constructor(url: string, proxies: Proxies, connect: { readonly timeout: number; readonly ca?: string }) {
    const base = new URL(url);
    const literal = literalHost(base);
    this.#proxies = proxies;
    this.#host = base.hostname;
    this.#mayLeadInside = proxies.privateRedirects === true || (literal !== undefined && isInside(literal));
    const lookup = lookupReporting((hostname, inside) => {
      if (hostname === this.#host) this.#isInside = inside;
    });
    this.#first = new Connections(proxies, { ...connect, lookup });
    this.#outside = new Connections(proxies, { ...connect, lookup: lookupOutside });
  }

  get first(): Dispatcher {
    return this.#first.dispatcher;
  }

  /** The proxy on the way to a URL, in words without its password; `undefined`: none. */
  proxyTo(url: string): string | undefined {
    return proxyWords(url, this.#proxies);
  }

  /** Target of a redirect and the connections for it, or the reason why it is not followed. */
  follow(from: string, location: string): { url: string; dispatcher: Dispatcher } | string {
    const next = URL.parse(location, from);
    if (next === null || !/^https?:$/.test(next.protocol))
      return 'is redirected to a URL that is not http or https';
    if (from.startsWith('https:') && next.protocol === 'http:')
      return 'is redirected from https to plain http';
    if (this.#mayLeadInside || this.#isInside) return { url: next.href, dispatcher: this.#first.dispatcher };
    const literal = literalHost(next);
    if (literal !== undefined && isInside(literal))
      return `is redirected from outside to ${literal}, which is inside`;
    return { url: next.href, dispatcher: this.#outside.dispatcher };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#first[Symbol.asyncDispose](), this.#outside[Symbol.asyncDispose]()]);
  }
}
