/** URLs, or empty; `noProxy` lists the hosts to reach directly. */
export interface Proxies {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  readonly noProxy: string;
  /** Whether a host outside may redirect to one inside: for odd networks. */
  readonly privateRedirects?: boolean;
}

/** The proxy that leads to `url`, as undici's `EnvHttpProxyAgent` chooses it; `undefined`: none. */
export function proxyFor(url: string, { httpProxy, httpsProxy, noProxy }: Proxies): URL | undefined {
  const { protocol, hostname, port } = new URL(url);
  const proxy = protocol === 'https:' ? httpsProxy || httpProxy : httpProxy;
  const target = port || (protocol === 'https:' ? '443' : '80');
  const entries = noProxy.toLowerCase().split(/[,\s]+/);
  if (proxy === '' || entries.some((entry) => covers(entry, hostname.toLowerCase(), target)))
    return undefined;
  return new URL(proxy);
}

/** `*`, `example.com`, `.example.com`, `*.example.com` or one of them with a port. */
function covers(entry: string, host: string, port: string): boolean {
  if (entry === '' || entry === '*') return entry === '*';
  const [, name = entry, onlyPort] = /^(.+):(\d+)$/.exec(entry) ?? [];
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const domain = name.replace(/^\*?\./, '');
  return host === domain || host.endsWith(`.${domain}`);
}
