import { BlockList, isIP } from 'node:net';

/** The way out of this machine: URLs of proxies, or empty texts, and whom to trust there. */
export interface Proxies {
  readonly httpProxy: string;
  readonly httpsProxy: string;
  /** Hosts to reach directly. */
  readonly noProxy: string;
  /** Setting that named each proxy, for messages: a flag, an input or a variable. */
  readonly namedBy?: { readonly http: string; readonly https: string };
  /** Lets a host outside redirect to one inside, for unusual networks. */
  readonly privateRedirects?: boolean;
  readonly authorities?: Authorities;
}

/** Certificates that settings name. The store of the system and Node's own count in any case. */
export interface Authorities {
  /** Certificates in PEM. */
  readonly pems: readonly string[];
  /** Files that variables name and that cannot be used, each in words. */
  readonly unusable: readonly string[];
}

/**
 * Proxy on the way to `url`; `undefined`: none. This is the one choice for every request of ours, and for the tools that we
 * start. This machine itself is never asked for through a proxy, to which loopback would mean another machine.
 */
export function proxyFor(url: string, proxies: Proxies): URL | undefined {
  const { httpProxy, httpsProxy, noProxy } = proxies;
  const { protocol, hostname, port } = new URL(url);
  const proxy = protocol === 'https:' ? httpsProxy || httpProxy : httpProxy;
  if (proxy === '') return undefined;
  const host = hostname.toLowerCase().replace(/^\[(.*)\]$|\.$/g, '$1');
  const target = port || (protocol === 'https:' ? '443' : '80');
  if (isLoopback(host) || entriesOf(noProxy).some((entry) => covers(entry, host, target))) return undefined;
  return new URL(proxy);
}

/** Proxy on the way to `url` in words, without its password: its address, and the setting that names it. */
export function proxyWords(url: string, proxies: Proxies): string | undefined {
  const proxy = proxyFor(url, proxies);
  if (proxy === undefined) return undefined;
  const isForHttps = new URL(url).protocol === 'https:' && proxies.httpsProxy !== '';
  const by = isForHttps ? proxies.namedBy?.https : proxies.namedBy?.http;
  return `${proxy.origin}${by === undefined ? '' : ` (${by})`}`;
}

/** Entries of a list of hosts, in lower case. */
export function entriesOf(noProxy: string): string[] {
  return noProxy
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== '');
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || isListed(LOOPBACK, host);
}

function isListed(list: BlockList, host: string): boolean {
  const family = isIP(host);
  return family !== 0 && list.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

/**
 * True if an entry of `noProxy` covers a host: `*`, `example.com`, `.example.com`, `*.example.com`, an address, or a
 * network such as `10.0.0.0/8`; each but the network with any port.
 */
function covers(entry: string, host: string, port: string): boolean {
  const network = networkOf(entry);
  if (network !== undefined) return isListed(network, host);
  const [, name = entry, onlyPort] = /^([^:]+|\[.+\]):(\d+)$/.exec(entry) ?? [];
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const domain = name.replace(/^\*?\./, '').replace(/^\[(.*)\]$/, '$1');
  return domain === '*' || host === domain || host.endsWith(`.${domain}`);
}

function networkOf(entry: string): BlockList | undefined {
  const [, address = '', prefix] = /^([\da-f.:]+)\/(\d{1,3})$/.exec(entry) ?? [];
  const family = isIP(address);
  if (family === 0 || Number(prefix) > (family === 4 ? 32 : 128)) return undefined;
  const list = new BlockList();
  list.addSubnet(address, Number(prefix), family === 4 ? 'ipv4' : 'ipv6');
  return list;
}
