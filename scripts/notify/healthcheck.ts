import { fetch } from 'undici';
import { PING_PATIENCE } from '../base/limits/github.ts';
import { Connections } from '../http/connections.ts';
import { type Ping, type PingPatience, pingBy } from '../http/ping.ts';
import type { Proxies } from '../http/proxies.ts';

/** Pings the healthcheck after a cycle, through the proxies of the settings. Never throws. Returns what went wrong. */
export async function pingHealthcheck(
  url: string,
  ping: Ping,
  { proxies, patience = PING_PATIENCE }: { readonly proxies: Proxies; readonly patience?: PingPatience },
): Promise<string | undefined> {
  await using connections = new Connections(proxies, { timeout: patience.answer });
  const { dispatcher } = connections;
  return await pingBy((to, request) => fetch(to, { ...request, dispatcher }), url, ping, patience);
}
