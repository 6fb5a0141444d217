/** URLs of proxies, or empty texts. `noProxy` lists the hosts to reach directly. */
export interface Proxies {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
  /** Lets a host outside redirect to one inside, for unusual networks. */
  readonly privateRedirects?: boolean;
}

/** Proxy on the way to `url`, chosen like undici's `EnvHttpProxyAgent`; `undefined`: none. */
export function proxyFor(url: string, { httpProxy, httpsProxy, noProxy }: Proxies): URL | undefined {
  const { protocol, hostname, port } = new URL(url);
  const proxy = protocol === 'https:' ? httpsProxy || httpProxy : httpProxy;
  const target = port || (protocol === 'https:' ? '443' : '80');
  const entries = noProxy.toLowerCase().split(/[,\s]+/);
  if (proxy === '' || entries.some((entry) => covers(entry, hostname.toLowerCase(), target)))
    return undefined;
  return new URL(proxy);
}

/**
 * True if an entry of `noProxy` covers a host: `*`, `example.com`, `.example.com`, `*.example.com`, each with any
 * port.
 */
function covers(entry: string, host: string, port: string): boolean {
  if (entry === '' || entry === '*') return entry === '*';
  const [, name = entry, onlyPort] = /^(.+):(\d+)$/.exec(entry) ?? [];
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const domain = name.replace(/^\*?\./, '');
  return host === domain || host.endsWith(`.${domain}`);
}
