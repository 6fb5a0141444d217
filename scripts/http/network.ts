import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { codeOf } from '../base/errors.ts';
import { ADDRESS_MS } from '../base/limits/upstream.ts';

let isPrepared = false;

/**
 * Prepares this process for networks as they are; every module that opens connections calls it first. Addresses get the
 * time of a slow line, and certificates of this system's own store count beside those that Node brings, as they do for
 * curl: behind a company's proxy nothing else is signed by anybody whom Node knows. `NODE_EXTRA_CA_CERTS` is among Node's
 * own, and OpenSSL finds the system's store by `SSL_CERT_FILE` and `SSL_CERT_DIR`.
 */
export function prepareNetwork(): void {
  if (isPrepared) return;
  isPrepared = true;
  setDefaultAutoSelectFamilyAttemptTimeout(ADDRESS_MS);
  try {
    setDefaultCACertificates([...new Set([...getCACertificates('default'), ...getCACertificates('system')])]);
  } catch {
    // a store with something in it that is no certificate: without it, Node's own still count
  }
}

/** What is wrong with a certificate, or with TLS as such: asking again does not mend it. */
const TLS_TROUBLE =
  /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH_EXCEEDED|EPROTO|ERR_TLS|ERR_SSL)/;
/** Only to these does another store of certificates help. */
const UNKNOWN_SIGNER = /^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_)/;

/** True if no connection came about because of TLS. */
export function isTlsTrouble(error: unknown): boolean {
  return TLS_TROUBLE.test(codeOf(error) ?? '');
}

/** What to do about a trouble of TLS. */
export function tlsAdvice(error: unknown): string {
  if (!UNKNOWN_SIGNER.test(codeOf(error) ?? ''))
    return 'Look at the certificate of the host, and at the clock of this machine';
  return (
    'If a proxy or a CA of your own signs for that host, put its certificate into the store of this system ' +
    '(update-ca-certificates, update-ca-trust), or name its PEM file by NODE_EXTRA_CA_CERTS or SSL_CERT_FILE; ' +
    'the freshclam of a machine uses the store of its own system, or CURL_CA_BUNDLE'
  );
}
