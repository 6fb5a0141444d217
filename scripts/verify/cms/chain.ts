import { CHAIN_CERTIFICATES } from '../../base/limits/databases.ts';
import { VerifyError, type VerifyErrorCode } from '../error.ts';
import type { Certificate } from './certificate.ts';

const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4';
const NETSCAPE_SMIME = 0x20;

/**
 * Builds and proves the path from `leaf` through the embedded certificates to one of `roots` (RFC 5280 §6, without
 * policies, name constraints and revocation, which `.sign` files do not use). Returns it, leaf first. Does not look at
 * the clock: `requireValidAt` does.
 *
 * Every embedded certificate must be part of the path, so no byte of a `.sign` file goes unproven. The permitted uses
 * of a certificate follow PKCS7_verify() with the purpose `smime_sign`, which ClamAV calls
 * (libclamav_rust/src/codesign.rs, Verifier::verify): with other rules we could publish files that clients refuse.
 *
 * Throws
 * - `verify/signature`: a certificate names a trusted or embedded issuer, which did not sign it;
 * - `verify/untrusted-signer`: all links hold, but the issuer of the last certificate is not in `roots`;
 * - `verify/unfit-signer`: the path leads to a trusted root, through certificates that are not made for this.
 */
export function verifyChain(
  leaf: Certificate,
  embedded: readonly Certificate[],
  roots: readonly Certificate[],
): Certificate[] {
  const path = buildPath(leaf, embedded, roots);
  requireLeaf(leaf);
  for (const [at, certificate] of path.entries()) {
    const root = at === path.length - 1;
    // The leaf is not a CA, and a root of version 1, such as Talos' test root, has no extensions.
    if (at > 0 && (!root || certificate.version === 3)) requireCa(certificate, at - 1);
  }
  const strangers = embedded.filter(
    (one) => !path.some((certificate) => certificate.bytes.equals(one.bytes)),
  );
  if (strangers[0] !== undefined) throw unfit(strangers[0], 'is embedded, but not part of the chain');
  if (new Set(embedded.map(({ bytes }) => bytes.toString('latin1'))).size < embedded.length) {
    throw unfit(leaf, 'comes with another one twice');
  }
  return path;
}

/**
 * Throws `verify/not-valid-now` unless all certificates of a chain are valid at `now`. As for OpenSSL, a certificate is
 * no longer valid in its last second, which RFC 5280 §4.1.2.5 includes.
 */
export function requireValidAt(chain: readonly Certificate[], now: Date): void {
  for (const certificate of chain) {
    const { notBefore, notAfter } = certificate;
    if (notBefore <= now && now < notAfter) continue;
    const [from, until] = [notBefore.toISOString(), notAfter.toISOString()];
    throw wrong(
      'verify/not-valid-now',
      certificate,
      `is valid from ${from} until ${until}, not on ${now.toISOString()}`,
      'Check the clock of this machine. If it is right, upstream must make a new .sign file',
    );
  }
}

/**
 * Time until which these certificates are valid together, without proving them: the earliest end of all embedded ones
 * and of the trusted root above them. Without a trusted root the real end may be earlier.
 */
export function chainEnd(
  embedded: readonly Certificate[],
  roots: readonly Certificate[],
): { readonly notAfter: Date; readonly root: Certificate | undefined } {
  const root = roots.find((one) =>
    embedded.some(({ issuer, x509 }) => issuer === one.subject && x509.verify(one.publicKey)),
  );
  return { notAfter: earliestEnd(root === undefined ? embedded : [...embedded, root]), root };
}

/** Time at which the first of these certificates expires. */
export function earliestEnd(certificates: readonly Certificate[]): Date {
  return new Date(Math.min(...certificates.map(({ notAfter }) => Number(notAfter))));
}

/** Builds the path from the leaf up to a trusted root, and proves each link. */
function buildPath(
  leaf: Certificate,
  embedded: readonly Certificate[],
  roots: readonly Certificate[],
): Certificate[] {
  const path = [leaf];
  for (let top = leaf; path.length < CHAIN_CERTIFICATES; ) {
    const trusted = roots.filter((root) => root.subject === top.issuer);
    if (trusted.length > 0) return [...path, issuerOf(top, trusted)];
    const others = embedded.filter((one) => one.subject === top.issuer && !path.includes(one));
    if (others.length === 0) throw endOfPath(top);
    top = issuerOf(top, others);
    path.push(top);
  }
  throw unfit(leaf, `ends a chain of more than ${CHAIN_CERTIFICATES}`);
}

/**
 * Finds the certificate that signed `top` among `candidates`, which all have its issuer's name. X509_check_issued()
 * also compares key identifiers, and checks that the issuer's key may sign certificates.
 */
function issuerOf(top: Certificate, candidates: readonly Certificate[]): Certificate {
  const signers = candidates.filter(({ publicKey }) => top.x509.verify(publicKey));
  const issuer = signers.find(({ x509 }) => top.x509.checkIssued(x509));
  if (issuer !== undefined) return issuer;
  if (signers[0] !== undefined) throw unfit(top, `was signed by ${show(signers[0])}, not for this use`);
  throw forged(top, 'names an issuer that did not sign it');
}

function endOfPath(top: Certificate): VerifyError {
  const selfIssued = top.issuer === top.subject;
  if (selfIssued && !top.x509.verify(top.publicKey))
    return forged(top, 'names itself as its issuer, but did not sign itself');
  return wrong(
    'verify/untrusted-signer',
    top,
    selfIssued
      ? 'is not one of the known roots'
      : 'was issued by an unknown root, or by a certificate that is missing here',
    'Update this program if Talos has announced a new root',
  );
}

function requireLeaf(leaf: Certificate): void {
  const { digitalSignature, netscapeType } = leaf.extensions;
  if (leaf.commonName === '') throw unfit(leaf, 'has no common name'); // ClamAV would panic
  if (digitalSignature === false) throw unfit(leaf, 'may not sign data');
  if (netscapeType !== undefined && (netscapeType & NETSCAPE_SMIME) === 0) {
    throw unfit(leaf, 'is not for S/MIME by its Netscape type');
  }
  requirePurpose(leaf);
}

/** `below`: number of CAs between this one and the leaf. */
function requireCa(certificate: Certificate, below: number): void {
  const { ca, pathLength } = certificate.extensions;
  if (ca !== true) throw unfit(certificate, 'is not a CA');
  if (pathLength !== undefined && below > pathLength) {
    throw unfit(certificate, `allows ${pathLength} CAs below itself, here are ${below}`);
  }
  requirePurpose(certificate);
}

function requirePurpose(certificate: Certificate): void {
  if (certificate.extensions.extendedKeyUsage?.includes(EMAIL_PROTECTION) === false) {
    throw unfit(certificate, 'is not for S/MIME signatures, which ClamAV wants');
  }
}

function forged(certificate: Certificate, why: string): VerifyError {
  return wrong('verify/signature', certificate, why);
}

function unfit(certificate: Certificate, why: string): VerifyError {
  return wrong('verify/unfit-signer', certificate, why);
}

function wrong(code: VerifyErrorCode, certificate: Certificate, why: string, advice?: string): VerifyError {
  const message = `the .sign file is not good: the certificate of ${show(certificate)} ${why}`;
  return new VerifyError(code, message, advice === undefined ? {} : { advice });
}

/** Quotes a common name, which is an outsider's text. */
function show(certificate: Certificate): string {
  return JSON.stringify(certificate.commonName.slice(0, 80));
}
