import { causesOf } from '../base/errors.ts';
import { FileError } from '../files/error.ts';
import { InsideError } from '../http/internal-addresses.ts';
import { isTlsError, tlsAdvice } from '../http/network.ts';
import { proxyRefusalIn, refusalAdvice, refusalWords } from '../http/proxy-refusal.ts';
import { UpstreamError } from './error.ts';

/** True for an error that may pass by itself: neither a refusal nor a fault on this side. */
export function mayPass(error: unknown): boolean {
  if (error instanceof UpstreamError)
    return error.code === 'upstream/incomplete' || error.code === 'upstream/unavailable';
  if (error instanceof InsideError || error instanceof FileError) return false;
  const { status = 0 } = proxyRefusalIn(error) ?? {};
  return tlsErrorIn(error) === undefined && (status === 0 || status >= 500);
}

/**
 * Turns any error that kept a file from coming into one with a code and advice. `proxy` is the proxy on the way in words, if
 * there is one.
 */
export function asUpstreamError(error: unknown, name: string, url: string, proxy?: string): unknown {
  if (error instanceof UpstreamError || error instanceof FileError) return error;
  if (error instanceof InsideError) return redirected(`${name} is redirected inside: ${error.message}`);
  const way = proxy === undefined ? '' : ` through the proxy ${proxy}`;
  const [what, tls, refusal] = [`cannot get ${name} from ${url}`, tlsErrorIn(error), proxyRefusalIn(error)];
  if (tls !== undefined)
    return new UpstreamError('upstream/tls', `${what}${way}`, { cause: tls, advice: tlsAdvice(tls) });
  if (refusal !== undefined) {
    const code = refusal.status >= 500 ? 'upstream/unavailable' : 'upstream/proxy';
    return new UpstreamError(code, `${what}: ${refusalWords(refusal, proxy)}`, {
      cause: error,
      advice: refusalAdvice(refusal),
    });
  }
  return new UpstreamError('upstream/unreachable', `${what}${way}`, {
    cause: error,
    advice: 'Check the address, the network and the proxy settings (--proxy, HTTPS_PROXY, NO_PROXY)',
  });
}

/** Error for a redirect that is not followed. */
export function redirected(what: string): UpstreamError {
  return new UpstreamError('upstream/redirect', what, {
    advice: 'If that address is right, name it with --upstream, or set --allow-private-redirects',
  });
}

/** Finds a TLS error among the causes. Of several addresses, the first one decides. */
function tlsErrorIn(error: unknown): unknown {
  return causesOf(error).find(isTlsError);
}
