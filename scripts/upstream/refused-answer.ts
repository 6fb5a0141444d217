import { QUOTED_ANSWER_CHARACTERS } from '../base/limits/upstream.ts';
import { printable } from '../base/printable.ts';

/** A refusal, with the parts of the answer that help to mend it. All texts are safe to print. */
export interface Refused {
  readonly status: number;
  /** Name of the file that was asked for. */
  readonly file: string;
  /** Cloudflare's id of the answer, which the ClamAV team needs to lift a block. */
  readonly ray?: string | undefined;
  /** Title of the page. */
  readonly title?: string | undefined;
  /** Proxy on the way that refused, and not upstream. `isSure`: only a proxy answers like that. */
  readonly proxy?: { readonly name: string; readonly isSure: boolean };
}

/** Describes a refusal from the headers of an answer and `page`, the beginning of its body. */
export function refusedBy(
  answer: { readonly status: number; header(name: string): string | undefined },
  file: string,
  page: string,
): Refused {
  const { status, header } = answer;
  const ray = quoted(header('cf-ray'));
  const title = quoted(/<title[^<>]{0,100}>([^<]{1,1000})/i.exec(page)?.[1]);
  const proxy = proxyOf(answer, ray !== undefined, title);
  return { status, file, ...(ray && { ray }), ...(title && { title }), ...(proxy && { proxy }) };
}

/** Words for a refusal: `answered 403 to daily.cvd ("Access denied", cf-ray 8f2a-FRA)`. */
export function wordsOf({ status, file, ray, title }: Omit<Refused, 'proxy'>): string {
  const details = [title && `"${title}"`, ray && `cf-ray ${ray}`].filter(Boolean);
  return `answered ${status} to ${file}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

/** `Server` of proxies for people on their way out. None of them stands in front of a mirror. */
const SERVERS = /^(?:zscaler|tinyproxy|mitmproxy|3proxy|ccproxy|websense|forcepoint|bluecoat)/i;
/** Titles of their pages, and of what companies put there. */
const TITLES =
  /\b(?:web gateway|zscaler|forti(?:guard|gate|net)|sophos|websense|forcepoint|netskope|web page blocked|privoxy)\b|\b(?:blocked|denied) by (?:your |the )?(?:administrator|policy|organi[sz]ation|company)\b/i;

/**
 * Finds the proxy that answered. RFC 9209 names it, and squid names itself. A Via without Cloudflare's mark is not from
 * Cloudflare, nor is the page of a proxy: both may also be of one in front of the mirror.
 */
function proxyOf(
  { status, header }: Parameters<typeof refusedBy>[0],
  isCloudflare: boolean,
  title: string | undefined,
): Refused['proxy'] {
  const squid = quoted(header('x-squid-error'));
  if (squid !== undefined) return { name: `squid: ${squid}`, isSure: true };
  const told = quoted(header('proxy-status'));
  if (told !== undefined && /[;\s]error=/.test(told)) return { name: told, isSure: true };
  if (status === 407)
    return { name: quoted(header('proxy-authenticate')) ?? 'it wants credentials', isSure: true };
  if (status === 511) return { name: 'the network wants a login', isSure: true }; // RFC 6585, section 6
  if (isCloudflare) return undefined;
  const server = quoted(header('server'));
  if (server !== undefined && SERVERS.test(server)) return { name: server, isSure: true };
  const via = quoted(header('via'));
  if (via !== undefined) return { name: via, isSure: false };
  return title !== undefined && TITLES.test(title) ? { name: title, isSure: false } : undefined;
}

function quoted(text: string | undefined): string | undefined {
  const words = printable((text ?? '').replace(/\s+/g, ' ').trim());
  return words === '' ? undefined : words.slice(0, QUOTED_ANSWER_CHARACTERS);
}
