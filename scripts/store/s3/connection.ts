import type { AgentOptions } from 'node:http';
import { loadConfig } from '@smithy/core/config';
import { prepareNetwork } from '../../http/network.ts';
import type { Proxies } from '../../http/proxies.ts';
import type { S3Settings } from './address.ts';

/** What most vendors call their only region, and what others take for it. */
const USUAL_REGION = 'us-east-1';

/**
 * The region to sign for; none leaves it to the SDK. At an endpoint of somebody else's, the SDK would ask the virtual machine
 * that it runs in, which knows its own region only.
 */
export function regionFor({ region, endpoint }: S3Settings): {
  region?: string | (() => Promise<string>);
} {
  if (region !== undefined) return { region };
  if (endpoint === undefined) return {};
  return {
    region: loadConfig({
      environmentVariableSelector: () => undefined, // settings.ts has read it
      configFileSelector: (profile) => profile.region || undefined,
      default: USUAL_REGION,
    }),
  };
}

/** Options for the SDK's request handler, by which it uses a proxy as `openUpstream` does. */
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

/** To curl, upstream's client and most others, `example.com` means what is below it too; to Node it does not. */
function withSubdomains(entry: string): string[] {
  return /^[^.*[][^:]*$/.test(entry) ? [entry, `.${entry}`] : [entry];
}
