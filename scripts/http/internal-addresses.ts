import { lookup as resolveName } from 'node:dns';
import { BlockList, isIP, type LookupFunction } from 'node:net';

/**
 * Addresses that lead into somebody's own network or machine, or to nobody: private, link-local, loopback,
 * unique-local, shared (CGNAT), metadata services, and addresses that are not a single host. Source: IANA's
 * special-purpose address registries; 168.63.129.16 is the metadata service of one cloud.
 */
const INSIDE = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const)
  INSIDE.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::', 127],
  ['64:ff9b:1::', 48],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  INSIDE.addSubnet(network, prefix, 'ipv6');

/** True if an IP address leads inside, and for any text that is not an address. */
export function isInside(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return INSIDE.check(address, 'ipv4');
  if (family !== 6) return true;
  const embedded = embeddedIn(address);
  return embedded === undefined ? INSIDE.check(address.replace(/%.*$/, ''), 'ipv6') : isInside(embedded);
}

/** Host of a URL, if it is an address. */
export function literalHost({ hostname }: URL): string | undefined {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(host) === 0 ? undefined : host;
}

/** Look-up for sockets without addresses inside. It is the one look-up of a connection, so DNS cannot answer twice. */
export const lookupOutside: LookupFunction = (hostname, options, callback) => {
  resolveName(hostname, { ...options, all: true }, (error, found) => {
    if (error !== null) return callback(error, []);
    const outside = found.filter(({ address }) => !isInside(address));
    const [first] = outside;
    if (first === undefined) {
      const addresses = found.map(({ address }) => address).join(', ');
      return callback(new InsideError(`${hostname} leads inside, to ${addresses}`), []);
    }
    if (options.all === true) callback(null, outside);
    else callback(null, first.address, first.family);
  });
};

/** Look-up for sockets that reports whether a name leads inside. */
export function lookupReporting(report: (hostname: string, inside: boolean) => void): LookupFunction {
  return (hostname, options, callback) => {
    resolveName(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const [first] = found;
      report(
        hostname,
        found.every(({ address }) => isInside(address)),
      );
      if (options.all === true) callback(null, found);
      else callback(null, first?.address ?? '', first?.family ?? 4);
    });
  };
}

export class InsideError extends Error {
  readonly code = 'ERR_INSIDE';
}

/** IPv4 address that an IPv6 address stands for: mapped, by NAT64, or by 6to4. */
function embeddedIn(address: string): string | undefined {
  const groups = groupsOf(address);
  if (groups === undefined) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = groups;
  const dotted = (high: number, low: number) => [high >> 8, high & 255, low >> 8, low & 255].join('.');
  const isZero = [a, b, c, d, e].every((group) => group === 0);
  if (isZero && (f === 0xffff || (f === 0 && (g > 0 || h > 1)))) return dotted(g, h);
  if (a === 0x64 && b === 0xff9b && c === 0 && d === 0 && e === 0 && f === 0) return dotted(g, h);
  return a === 0x2002 ? dotted(b, c) : undefined;
}

/** Eight groups of an IPv6 address, parsed as the host of a URL, which writes dotted parts in hexadecimal. */
function groupsOf(address: string): number[] | undefined {
  const host = URL.parse(`http://[${address.replace(/%.*$/, '')}]/`)?.hostname.slice(1, -1);
  if (host === undefined) return undefined;
  const [before = '', after] = host.split('::');
  const parts = (text: string | undefined) =>
    (text ?? '')
      .split(':')
      .filter((part) => part !== '')
      .map((part) => Number.parseInt(part, 16));
  const [left, right] = [parts(before), parts(after)];
  return [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill(0), ...right];
}
