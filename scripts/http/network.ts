import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { codeOf } from '../base/errors.ts';
import { ADDRESS_MS } from '../base/limits/upstream.ts';

let isPrepared = false;

/**
 * Prepares this process for real networks. Every module that opens connections calls it first. Each address gets the
 * time that a slow line needs. Certificates of the system's store count besides Node's, as for curl: behind a
 * company's proxy every host is signed by a CA that Node does not know. Node's own include `NODE_EXTRA_CA_CERTS`, and
 * OpenSSL finds the system's store by `SSL_CERT_FILE` and `SSL_CERT_DIR`.
 */
export function prepareNetwork(): void {
  if (isPrepared) return;
  isPrepared = true;
  setDefaultAutoSelectFamilyAttemptTimeout(ADDRESS_MS);
  try {
    setDefaultCACertificates([...new Set([...getCACertificates('default'), ...getCACertificates('system')])]);
  } catch {
    // the store holds something that is not a certificate: go on with Node's own
  }
}

/** Codes of errors about certificates or TLS, which another attempt does not mend. */
const TLS_ERROR =
  /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED|EPROTO|ERR_TLS|ERR_SSL)/;
/** Codes of errors that more trusted certificates can mend. */
const UNKNOWN_SIGNER = /^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

/** True if TLS kept a connection from being made. */
export function isTlsError(error: unknown): boolean {
  return TLS_ERROR.test(codeOf(error) ?? '');
}

/** Advice about a TLS error. */
export function tlsAdvice(error: unknown): string {
  if (!UNKNOWN_SIGNER.test(codeOf(error) ?? ''))
    return 'Check the certificate of the host, and the clock of this machine';
  return (
    'If a proxy or a CA of your own signs for that host, add its certificate to the store of this system ' +
    '(update-ca-certificates, update-ca-trust), or name its PEM file in NODE_EXTRA_CA_CERTS or SSL_CERT_FILE. ' +
    'Freshclam uses the store of its own machine, or CURL_CA_BUNDLE'
  );
}
