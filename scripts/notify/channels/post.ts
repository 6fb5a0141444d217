import { request } from 'undici';
import { codeOf } from '../../base/errors.ts';
import { ALERTS_MS } from '../../base/limits/alerts.ts';
import { VERSION } from '../../base/version.ts';
import { Agents } from '../../http/agents.ts';
import { basicAuthorization } from '../../http/credentials.ts';
import type { Proxies } from '../../http/proxies.ts';

/** Way of a message to its receiver. */
export interface Sending {
  readonly proxies: Proxies;
  /** Ends everything that is under way: the time for alerts is over. */
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

/** A receiver did not take a message. The message of the error holds nothing of the address, nor of the answer. */
export class NotTaken extends Error {}

/** Posts JSON, to be taken with a status of 2xx. Redirects are not followed: receivers have none. Throws `NotTaken`. */
export async function post(
  address: string,
  json: string,
  { proxies, signal }: Sending,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const url = new URL(address);
  const authorization = basicAuthorization(url);
  await using agents = new Agents(url.href, proxies, { timeout: ALERTS_MS });
  try {
    const { statusCode, body } = await request(`${url.origin}${url.pathname}${url.search}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': `clamav-mirror/${VERSION}`,
        ...(authorization !== undefined && { authorization }),
        ...headers,
      },
      body: json,
      dispatcher: agents.first,
      signal,
    });
    body.on('error', () => {}).destroy(); // nothing of it is read: only the status counts
    if (statusCode < 200 || statusCode > 299) throw new NotTaken(`it answers ${statusCode}`);
  } catch (error) {
    if (error instanceof NotTaken) throw error;
    throw new NotTaken(reasonOf(error)); // no cause: its message may hold the address
  }
}

/** Reason for a connection that failed, by its code alone. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error) ?? codeOf(Object(error).cause) ?? '';
  return /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? `no answer (${code})` : 'no answer';
}
