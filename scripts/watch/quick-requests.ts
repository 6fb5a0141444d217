import { QUICK_CHECK_MS } from '../base/limits/mirror.ts';
import { startOfBody } from '../http/body.ts';
import { prepareNetwork } from '../http/network.ts';

/** Text of a URL, if it is no longer than this many bytes. Throws without an answer, and for any other. */
export async function fetchText(url: string, limit: number): Promise<string> {
  return await textOf(await ask(url, {}), url, limit);
}

/** Text of an answer, if it is no longer than this many bytes. */
export async function textOf(answer: Response, url: string, limit: number): Promise<string> {
  const start = await startOf(answer, limit + 1);
  if (start.length > limit) throw new Error(`${url} is too large`);
  return start.toString('utf8');
}

/** Answer of a URL. Throws for a status that is no success. */
export async function ask(url: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  return await good(await follow(url, headers), url);
}

/** The same answer. Throws for a status that is no success. */
export async function good(answer: Response, url: string): Promise<Response> {
  if (answer.ok) return answer;
  await answer.body?.cancel();
  throw new Error(`${url} is answered with ${answer.status}`);
}

/** Follows at most three redirects, on the same host only. Others are left to the cycle. */
export async function follow(from: string, headers: Readonly<Record<string, string>>): Promise<Response> {
  prepareNetwork();
  const signal = AbortSignal.timeout(QUICK_CHECK_MS);
  let url = from;
  for (let left = 3; ; left--) {
    const answer = await fetch(url, { headers, signal, redirect: 'manual' });
    const next = URL.parse(answer.headers.get('location') ?? '', url);
    const isRedirect = answer.status >= 300 && answer.status < 400 && next !== null;
    if (!isRedirect || next.hostname !== new URL(url).hostname || left === 0) return answer;
    await answer.body?.cancel();
    if (next.protocol !== 'https:' && next.protocol !== new URL(url).protocol) return answer;
    url = next.href;
  }
}

/** First bytes of an answer. */
export async function startOf({ body }: Response, most: number): Promise<Buffer> {
  return body === null ? Buffer.alloc(0) : await startOfBody(body, most);
}

/** Own fields of an object, without inherited ones; none if it is not an object. */
export function fields(json: unknown): Readonly<Record<string, unknown>> {
  return Object.assign(Object.create(null), typeof json === 'object' ? json : {});
}
