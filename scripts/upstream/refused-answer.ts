import { quoted, type RefusingProxy, refusingProxy } from '../http/refusing-proxy.ts';

/** A refusal, with the parts of the answer that help to mend it. All texts are safe to print. */
export interface Refused {
  readonly status: number;
  /** Name of the file that was asked for. */
  readonly file: string;
  /** Cloudflare's id of the answer, which the ClamAV team needs to lift a block. */
  readonly ray?: string | undefined;
  /** Title of the page. */
  readonly title?: string | undefined;
  /** Proxy on the way that refused, and not upstream. */
  readonly proxy?: RefusingProxy;
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
  const proxy = refusingProxy(answer, title);
  return { status, file, ...(ray && { ray }), ...(title && { title }), ...(proxy && { proxy }) };
}

/** Words for a refusal: `answered 403 to daily.cvd ("Access denied", cf-ray 8f2a-FRA)`. */
export function wordsOf({ status, file, ray, title }: Omit<Refused, 'proxy'>): string {
  const details = [title && `"${title}"`, ray && `cf-ray ${ray}`].filter(Boolean);
  return `answered ${status} to ${file}${details.length === 0 ? '' : ` (${details.join(', ')})`}`;
}
