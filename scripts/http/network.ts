import { setDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { codeOf } from '../base/errors.ts';
import { ADDRESS_MS } from '../base/limits/upstream.ts';
import type { Authorities } from './proxies.ts';

let isPrepared = false;
/** Certificates that settings named, and words for files that cannot be used. */
const added = new Set<string>();
const unusable = new Set<string>();

/**
 * Prepares this process for real networks. Every module that opens connections calls it first. Each address gets the
 * time that a slow line needs. Certificates of the system's store count besides Node's, as for curl: behind a
 * company's proxy every host is signed by a CA that Node does not know. Node's own include `NODE_EXTRA_CA_CERTS`, and
 * OpenSSL finds the system's store by `SSL_CERT_FILE` and `SSL_CERT_DIR`. What settings name comes on top, for the whole
 * process: there is one network around it.
 */
export function prepareNetwork(authorities: Authorities = { pems: [], unusable: [] }): void {
  for (const words of authorities.unusable) unusable.add(words);
  if (!isPrepared) {
    isPrepared = true;
    setDefaultAutoSelectFamilyAttemptTimeout(ADDRESS_MS);
    trustSystem();
  }
  const more = authorities.pems.filter((pem) => !added.has(pem));
  for (const pem of more) added.add(pem);
  trust(more);
}

/** All certificates that this process trusts, in one text of PEM. */
export function trustedCertificates(): string {
  prepareNetwork();
  return getCACertificates('default')
    .map((pem) => pem.trim())
    .join('\n')
    .concat('\n');
}

function trust(pems: readonly string[]): void {
  if (pems.length > 0) setDefaultCACertificates([...new Set([...getCACertificates('default'), ...pems])]);
}

function trustSystem(): void {
  try {
    trust(getCACertificates('system'));
  } catch {
    // its store holds something that is not a certificate: go on with Node's own
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

/** Advice about a TLS error, which names each file with certificates that cannot be used. */
export function tlsAdvice(error: unknown): string {
  if (!UNKNOWN_SIGNER.test(codeOf(error) ?? ''))
    return 'Check the certificate of the host, and the clock of this machine';
  const passedOver = [...unusable].map((words) => `${words}, and is passed over. `).join('');
  return (
    `${passedOver}If a proxy or a CA of your own signs for that host, name its certificate by --ca-file, or by ` +
    'NODE_EXTRA_CA_CERTS or SSL_CERT_FILE, or add it to the store of this system (update-ca-certificates, ' +
    'update-ca-trust). clamav-mirror doctor shows who has signed'
  );
}
