import { QUOTED_ANSWER_CHARACTERS } from '../base/limits/upstream.ts';
import { printable } from '../base/printable.ts';

/** An answer that is a no, and as much of what it says as helps those who are to mend it. All of it is fit to be printed. */
export interface Refused {
  readonly status: number;
  /** The name that was asked for. */
  readonly file: string;
  /** Cloudflare's name for the answer: whoever asks ClamAV to be let in again is asked for it. */
  readonly ray?: string | undefined;
  /** Of the page. */
  readonly title?: string | undefined;
  /** Who on the way says so, if it was not upstream. `isSure`: only a proxy speaks like that. */
  readonly proxy?: { readonly name: string; readonly isSure: boolean };
}

/** Reads what an answer says of itself: `header` gives its headers, `page` is the beginning of its body. */
export function refusedBy(
  answer: { readonly status: number; header(name: string): string | undefined },
  file: string,
  page: string,
): Refused {
  const { status, header } = answer;
  const ray = quoted(header('cf-ray'));
  const title = quoted(/<title[^<>]{0,100}>([^<]{1,1000})/i.exec(page)?.[1]);
  const proxy = proxyOf(answer, ray !== undefined);
  return { status, file, ...(ray && { ray }), ...(title && { title }), ...(proxy && { proxy }) };
}

/** The answer in a few words: `answered 403 to daily.cvd ("Access denied", cf-ray 8f2a-FRA)`. */
export function wordsOf({ status, file, ray, title }: Omit<Refused, 'proxy'>): string {
  const details = [title && `"${title}"`, ray && `cf-ray ${ray}`].filter(Boolean);
  return `answered ${status} to ${file}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}

/** RFC 9209 names the one who failed; a Via without Cloudflare's mark is no answer of a host behind Cloudflare. */
function proxyOf(
  { status, header }: Parameters<typeof refusedBy>[0],
  isCloudflare: boolean,
): Refused['proxy'] {
  const squid = quoted(header('x-squid-error'));
  if (squid !== undefined) return { name: `squid: ${squid}`, isSure: true };
  const told = quoted(header('proxy-status'));
  if (told !== undefined && /[;\s]error=/.test(told)) return { name: told, isSure: true };
  if (status === 407)
    return { name: quoted(header('proxy-authenticate')) ?? 'it wants credentials', isSure: true };
  const via = quoted(header('via'));
  return via === undefined || isCloudflare ? undefined : { name: via, isSure: false };
}

function quoted(text: string | undefined): string | undefined {
  const words = printable((text ?? '').replace(/\s+/g, ' ').trim());
  return words === '' ? undefined : words.slice(0, QUOTED_ANSWER_CHARACTERS);
}
