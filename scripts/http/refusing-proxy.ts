import { QUOTED_ANSWER_CHARACTERS } from '../base/limits/upstream.ts';
import { printable } from '../base/printable.ts';

/** Proxy that answered in the place of the host that was asked. */
export interface RefusingProxy {
  /** Its own words, safe to print. */
  readonly name: string;
  /** True if only a proxy of people on their way out answers like that; else it may also stand before the host. */
  readonly isSure: boolean;
}

/** `Server` of proxies for people on their way out. None of them stands in front of a mirror. */
const SERVERS = /^(?:zscaler|tinyproxy|mitmproxy|3proxy|ccproxy|websense|forcepoint|bluecoat)/i;
/** Titles of their pages, and of what companies put there. */
const TITLES =
  /\b(?:web gateway|zscaler|forti(?:guard|gate|net)|sophos|websense|forcepoint|netskope|web page blocked|privoxy)\b|\b(?:blocked|denied) by (?:your |the )?(?:administrator|policy|organi[sz]ation|company)\b/i;

/**
 * Finds the proxy that answered, by status, headers and the title of the page. RFC 9209 names it, and squid names itself. A
 * Via without Cloudflare's mark is not from Cloudflare.
 */
export function refusingProxy(
  { status, header }: { readonly status: number; header(name: string): string | undefined },
  title?: string,
): RefusingProxy | undefined {
  const said = (name: string) => quoted(header(name));
  const squid = said('x-squid-error');
  if (squid !== undefined) return { name: `squid: ${squid}`, isSure: true };
  const told = said('proxy-status');
  if (told !== undefined && /[;\s]error=/.test(told)) return { name: told, isSure: true };
  if (status === 407) return { name: said('proxy-authenticate') ?? 'it wants credentials', isSure: true };
  if (status === 511) return { name: 'the network wants a login', isSure: true }; // RFC 6585, section 6
  if (said('cf-ray') !== undefined) return undefined;
  const server = said('server');
  if (server !== undefined && SERVERS.test(server)) return { name: server, isSure: true };
  const via = said('via');
  if (via !== undefined) return { name: via, isSure: false };
  return title !== undefined && TITLES.test(title) ? { name: title, isSure: false } : undefined;
}

/** Words of an answer in one line, short and safe to print; `undefined`: there are none. */
export function quoted(text: string | undefined): string | undefined {
  const words = printable((text ?? '').replace(/\s+/g, ' ').trim());
  return words === '' ? undefined : words.slice(0, QUOTED_ANSWER_CHARACTERS);
}
