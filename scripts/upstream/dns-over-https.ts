import { decode, encode, RECURSION_DESIRED } from 'dns-packet';
import { request } from 'undici';
import { codeOf, explain } from '../base/errors.ts';
import { DNS_MESSAGE_BYTES } from '../base/limits/upstream.ts';
import { Agents } from '../http/agents.ts';
import { startOfBody } from '../http/body.ts';
import type { Proxies } from '../http/proxies.ts';
import { UpstreamError } from './error.ts';

/**
 * Asks a resolver for the TXT records of a name over HTTPS (RFC 8484), through the proxies of this machine. A POST, because
 * a cache on the way may keep the answer to a GET. Throws `upstream/dns`.
 */
export async function askOverHttps(
  name: string,
  url: string,
  { proxies, timeout }: { readonly proxies: Proxies; readonly timeout: number },
): Promise<string[][]> {
  const signal = AbortSignal.timeout(timeout);
  try {
    await using agents = new Agents(url, proxies, { timeout });
    const { statusCode, headers, body } = await request(url, {
      method: 'POST',
      headers: { accept: MESSAGE, 'content-type': MESSAGE },
      body: encode({ type: 'query', id: 0, flags: RECURSION_DESIRED, questions: [{ name, type: 'TXT' }] }),
      dispatcher: agents.first,
      signal,
    });
    const bytes = await startOfBody(body, DNS_MESSAGE_BYTES + 1);
    if (statusCode !== 200) throw unusable(url, `it answered ${statusCode}`);
    if (headers['content-type'] !== MESSAGE) throw unusable(url, `what it answered is no ${MESSAGE}`);
    if (bytes.length > DNS_MESSAGE_BYTES) throw unusable(url, `it sent more than ${DNS_MESSAGE_BYTES} bytes`);
    return textsIn(bytes, url);
  } catch (error) {
    if (codeOf(error) === 'upstream/dns') throw error;
    throw unusable(url, explain(error), error);
  }
}

const MESSAGE = 'application/dns-message';

/** The strings of each TXT record in an answer. */
function textsIn(message: Buffer, url: string): string[][] {
  const { flags = 0, answers = [] } = read(message, url);
  const code = flags & 0x0f; // RFC 1035 §4.1.1
  if (code !== 0)
    throw unusable(url, code === 3 ? 'there is no such name' : `it answered with error ${code}`);
  return answers.flatMap((answer) =>
    answer.type === 'TXT' ? [[answer.data].flat().map((part) => part.toString('utf8'))] : [],
  );
}

function read(message: Buffer, url: string) {
  try {
    return decode(message);
  } catch (cause) {
    throw unusable(url, 'what it sent is no answer', cause);
  }
}

function unusable(url: string, why: string, cause?: unknown): UpstreamError {
  const advice = 'Look at the address of that resolver, and at the proxy before it';
  return new UpstreamError('upstream/dns', `${url} gives no DNS answer: ${why}`, { cause, advice });
}
