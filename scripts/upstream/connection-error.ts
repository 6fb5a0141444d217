import { causesOf, codeOf } from '../base/errors.ts';
import { FileError } from '../files/error.ts';
import { InsideError } from '../http/internal-addresses.ts';
import { isTlsError, tlsAdvice } from '../http/network.ts';
import { UpstreamError } from './error.ts';

/** True for an error that may pass by itself: neither a refusal nor a fault on this side. */
export function mayPass(error: unknown): boolean {
  if (error instanceof UpstreamError)
    return error.code === 'upstream/incomplete' || error.code === 'upstream/unavailable';
  if (error instanceof InsideError || error instanceof FileError) return false;
  return tlsErrorIn(error) === undefined && proxyErrorIn(error) === undefined;
}

/** Turns any error that kept a file from coming into one with a code and advice. */
export function asUpstreamError(error: unknown, name: string, url: string): unknown {
  if (error instanceof UpstreamError || error instanceof FileError) return error;
  if (error instanceof InsideError) return redirected(`${name} is redirected inside: ${error.message}`);
  const [what, tls, proxy] = [`cannot get ${name} from ${url}`, tlsErrorIn(error), proxyErrorIn(error)];
  if (tls !== undefined)
    return new UpstreamError('upstream/tls', what, { cause: tls, advice: tlsAdvice(tls) });
  if (proxy !== undefined) {
    return new UpstreamError('upstream/proxy', `${what}: the proxy does not let us through`, {
      cause: error,
      advice:
        'Check what it permits, and the credentials in HTTPS_PROXY or HTTP_PROXY. NO_PROXY leads past it',
    });
  }
  return new UpstreamError('upstream/unreachable', what, {
    cause: error,
    advice: 'Check the address, the network and the proxy settings (HTTPS_PROXY, NO_PROXY)',
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

/** Finds undici's error for a proxy that wants other credentials, or that opens no tunnel. */
function proxyErrorIn(error: unknown): unknown {
  return causesOf(error).find(
    (cause) =>
      codeOf(cause) === 'UND_ERR_INVALID_ARG' ||
      (cause instanceof Error && /^Proxy response \(4\d\d\)/.test(cause.message)),
  );
}
