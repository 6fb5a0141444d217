import type { AgentOptions } from 'node:http';
import { isIPv4 } from 'node:net';
import { loadConfig } from '@smithy/core/config';
import { prepareNetwork } from '../../http/network.ts';
import { entriesOf, type Proxies } from '../../http/proxies.ts';
import type { S3Settings } from './address.ts';

/** Region name of most vendors with only one region. The others accept it too. */
const USUAL_REGION = 'us-east-1';

/**
 * Region for signatures; without one, the SDK chooses. At the endpoint of another vendor, the SDK would ask the virtual
 * machine that it runs in, which knows only its own region.
 */
export function regionFor({ region, endpoint }: S3Settings): {
  region?: string | (() => Promise<string>);
} {
  if (region !== undefined) return { region };
  if (endpoint === undefined) return {};
  return {
    region: loadConfig({
      environmentVariableSelector: () => undefined, // the settings have read the environment
      configFileSelector: (profile) => profile.region || undefined,
      default: USUAL_REGION,
    }),
  };
}

/** Options that make the request handler of the SDK use a proxy as every other request does. */
export function proxyFor(proxies: Proxies | undefined): {
  httpAgent?: AgentOptions;
  httpsAgent?: AgentOptions;
} {
  prepareNetwork(proxies?.authorities);
  if (proxies === undefined) return {};
  const { httpProxy, httpsProxy, noProxy } = proxies;
  const proxyEnv = {
    HTTP_PROXY: httpProxy,
    HTTPS_PROXY: httpsProxy || httpProxy,
    NO_PROXY: [...LOOPBACK, ...entriesOf(noProxy).flatMap(asForNode)].join(','),
  };
  return { httpAgent: { proxyEnv }, httpsAgent: { proxyEnv } };
}

const LOOPBACK = ['localhost', '.localhost', '127.0.0.0-127.255.255.255', '::1', '[::1]'];

/**
 * Entries of NO_PROXY as Node reads them: `example.com` covers no subdomains there, and a network of IPv4 is written as its
 * first and last address.
 */
function asForNode(entry: string): string[] {
  const [, address = '', prefix] = /^([\d.]+)\/(\d{1,2})$/.exec(entry) ?? [];
  if (isIPv4(address) && Number(prefix) <= 32) return [rangeOf(address, Number(prefix))];
  return /^[^.*[][^:]*$/.test(entry) ? [entry, `.${entry}`] : [entry];
}

function rangeOf(address: string, prefix: number): string {
  const number = Buffer.from(address.split('.').map(Number)).readUInt32BE();
  const size = 2 ** (32 - prefix);
  const first = number - (number % size);
  return [first, first + size - 1].map(dotted).join('-');
}

function dotted(number: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes.join('.');
}
