import { EnvHttpProxyAgent, fetch } from 'undici';
import { PING_PATIENCE } from '../base/limits/github.ts';
import { prepareNetwork } from '../http/network.ts';
import { type Ping, type PingPatience, pingBy } from '../http/ping.ts';
import type { Proxies } from '../http/proxies.ts';

/** Pings the healthcheck after a cycle, through the proxies of the settings. Never throws. Returns what went wrong. */
export async function pingHealthcheck(
  url: string,
  ping: Ping,
  { proxies, patience = PING_PATIENCE }: { readonly proxies: Proxies; readonly patience?: PingPatience },
): Promise<string | undefined> {
  prepareNetwork();
  const dispatcher = new EnvHttpProxyAgent({ ...proxies, connect: { timeout: patience.answer } });
  try {
    return await pingBy((to, request) => fetch(to, { ...request, dispatcher }), url, ping, patience);
  } finally {
    await dispatcher.destroy().catch(() => {});
  }
}
