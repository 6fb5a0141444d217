import type { Proxies } from '../http/proxies.ts';
import { type DnsQuestion, type DnsRecord, lookUp } from './dns.ts';
import { askOverHttps } from './dns-over-https.ts';

/** A question that may go to resolvers over HTTPS, through these proxies. */
export interface ProxiedQuestion extends DnsQuestion {
  readonly proxies: Proxies;
}

/** Looks a record up as `lookUp` does, over HTTPS too. */
export async function lookUpProxied(
  { proxies, ...question }: ProxiedQuestion,
  now: Date,
  timeout?: number,
): Promise<DnsRecord> {
  return await lookUp(question, now, {
    ...(timeout !== undefined && { timeout }),
    askOverHttps: async (name, url, timeout) => await askOverHttps(name, url, { proxies, timeout }),
  });
}
