import type { AgentOptions } from 'node:http';
import { loadConfig } from '@smithy/core/config';
import { prepareNetwork } from '../../http/network.ts';
import type { Proxies } from '../../http/proxies.ts';
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

/** Options that make the request handler of the SDK use a proxy as `openUpstream` does. */
export function proxyFor(proxies: Proxies | undefined): {
  httpAgent?: AgentOptions;
  httpsAgent?: AgentOptions;
} {
  prepareNetwork();
  if (proxies === undefined) return {};
  const { httpProxy, httpsProxy, noProxy } = proxies;
  const proxyEnv = {
    HTTP_PROXY: httpProxy,
    HTTPS_PROXY: httpsProxy || httpProxy,
    NO_PROXY: noProxy
      .split(/[,\s]+/)
      .flatMap(withSubdomains)
      .join(','),
  };
  return { httpAgent: { proxyEnv }, httpsAgent: { proxyEnv } };
}

/**
 * Adds subdomains to an entry of NO_PROXY. For curl and most other programs `example.com` covers them; for Node it does
 * not.
 */
function withSubdomains(entry: string): string[] {
  return /^[^.*[][^:]*$/.test(entry) ? [entry, `.${entry}`] : [entry];
}
