import { causesOf, codeOf } from '../base/errors.ts';

/** No of a proxy to a tunnel or to its user, which says nothing about the host behind it. `status`: 0 if it hung up. */
export interface ProxyRefusal {
  readonly status: number;
}

/** Errors of undici and Node for a proxy that opens no tunnel, or that wants a user and password. */
const MESSAGE = /^Proxy (?:response \((\d{3})\)|Authentication Required \((407)\))/;

/** Finds a proxy's refusal among the causes of an error. */
export function proxyRefusalIn(error: unknown): ProxyRefusal | undefined {
  for (const cause of causesOf(error)) {
    const code = codeOf(cause);
    if (code === 'UND_ERR_PRX_CONN' || code === 'UND_ERR_PRX_TLS') return { status: 0 };
    if (code === 'ERR_PROXY_TUNNEL') return { status: Number(Object(cause).statusCode) || 0 };
    const [, tunnel, user] = MESSAGE.exec(cause instanceof Error ? cause.message : '') ?? [];
    const status = tunnel ?? user;
    if (status !== undefined) return { status: Number(status) };
  }
  return undefined;
}

/** Words for a refusal of `proxy`, which is an address in words. */
export function refusalWords({ status }: ProxyRefusal, proxy?: string): string {
  const who = proxy === undefined ? 'the proxy' : `the proxy ${proxy}`;
  if (status === 0) return `${who} hung up`;
  if (status === 407) return `${who} wants a user and password, or others (407)`;
  return status >= 500
    ? `${who} does not get through (${status})`
    : `${who} does not let us through (${status})`;
}

/** Advice about a refusal. */
export function refusalAdvice({ status }: ProxyRefusal): string {
  if (status === 407)
    return (
      'Write http://user:password@proxy.example:3128 into CLAMAV_MIRROR_PROXY or HTTPS_PROXY, with special characters of ' +
      'the password percent-encoded. NO_PROXY leads past the proxy'
    );
  if (status === 0 || status >= 500)
    return 'Ask who runs it, if that lasts. --proxy, HTTPS_PROXY and HTTP_PROXY name another, and NO_PROXY leads past it';
  return 'Ask who runs it to let that host and port through, or choose another way: --proxy, HTTPS_PROXY, NO_PROXY';
}
