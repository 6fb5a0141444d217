import { causesOf, codeOf } from '../base/errors.ts';
import { FileError } from '../files/error.ts';
import { InsideError } from '../http/internal-addresses.ts';
import { isTlsError, tlsAdvice } from '../http/network.ts';
import { UpstreamError } from './error.ts';

/** Tells what may pass by itself: neither an answer that is a no nor a fault on this side. */
export function mayPass(error: unknown): boolean {
  if (error instanceof UpstreamError)
    return error.code === 'upstream/incomplete' || error.code === 'upstream/unavailable';
  if (error instanceof InsideError || error instanceof FileError) return false;
  return tlsTroubleIn(error) === undefined && proxyTroubleIn(error) === undefined;
}

/** An error for people, with a code, of whatever kept a file from coming. */
export function asUpstreamError(error: unknown, name: string, url: string): unknown {
  if (error instanceof UpstreamError || error instanceof FileError) return error;
  if (error instanceof InsideError) return redirected(`${name} is redirected inside: ${error.message}`);
  const [what, tls, proxy] = [`cannot get ${name} from ${url}`, tlsTroubleIn(error), proxyTroubleIn(error)];
  if (tls !== undefined)
    return new UpstreamError('upstream/tls', what, { cause: tls, advice: tlsAdvice(tls) });
  if (proxy !== undefined) {
    return new UpstreamError('upstream/proxy', `${what}: the proxy does not let us through`, {
      cause: error,
      advice:
        'Look at what it permits, and at the credentials in HTTPS_PROXY or HTTP_PROXY; NO_PROXY leads past it',
    });
  }
  return new UpstreamError('upstream/unreachable', what, {
    cause: error,
    advice: 'Check the address, the network and the proxy settings (HTTPS_PROXY, NO_PROXY)',
  });
}

/** A redirect that is not followed. */
export function redirected(what: string): UpstreamError {
  return new UpstreamError('upstream/redirect', what, {
    advice:
      'If upstream is to lead there, name that address with --upstream, or set --allow-private-redirects',
  });
}

/** Of several addresses, the first one speaks for all. */
function tlsTroubleIn(error: unknown): unknown {
  return causesOf(error).find(isTlsError);
}

/** The words of undici for a proxy that wants other credentials, and for one that opens no tunnel. */
function proxyTroubleIn(error: unknown): unknown {
  return causesOf(error).find(
    (cause) =>
      codeOf(cause) === 'UND_ERR_INVALID_ARG' ||
      (cause instanceof Error && /^Proxy response \(4\d\d\)/.test(cause.message)),
  );
}
