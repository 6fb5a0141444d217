import type { Certificate } from './cms-certificate.ts';
import { VerifyError } from './error.ts';

/** Certificates in a chain, leaf and root included. */
const MAX_DEPTH = 8;
const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4';
const NETSCAPE_SMIME = 0x20;

/**
 * Builds and proves the path from `leaf` over the embedded certificates to one of `roots` (RFC 5280 §6, without
 * policies, name constraints and revocation, for which `.sign` files have no place). Returns it, leaf first.
 *
 * Every embedded certificate must have its place in the path, so that no byte of a `.sign` file goes unproven.
 * What a certificate may be used for follows PKCS7_verify() with the purpose `smime_sign`, which is what ClamAV
 * calls (libclamav_rust/src/codesign.rs, Verifier::verify): any other choice could publish what clients refuse.
 *
 * Throws `verify/signature`; `verify/untrusted-signer` only if all links hold and at least one CA is embedded, but
 * nobody in `roots` has the name of whoever issued the last one. That one's own signature is then the only one
 * that nobody can check.
 */
export function verifyChain(
  leaf: Certificate,
  embedded: readonly Certificate[],
  roots: readonly Certificate[],
  now: Date,
): Certificate[] {
  requireLeaf(leaf);
  requireValid(leaf, now);
  const path = [leaf];
  const rest = embedded.filter((certificate) => certificate !== leaf);
  for (let top = leaf; path.length < MAX_DEPTH; ) {
    const trusted = roots.filter((root) => root.subject === top.issuer);
    if (trusted.length > 0) {
      const root = trusted.find((candidate) => issued(candidate, top));
      if (root === undefined) throw wrong(top, 'has the name of a trusted root as issuer, not its signature');
      if (root.version === 3) requireCa(root, path.length - 1); // v1 has no extensions; Talos' test root is v1
      requireValid(root, now);
      requireNoStranger(rest.filter((certificate) => !certificate.bytes.equals(root.bytes)));
      return [...path, root];
    }
    const at = rest.findIndex((candidate) => candidate.subject === top.issuer);
    const issuer = rest[at];
    if (issuer === undefined) {
      requireNoStranger(rest);
      throw endOfPath(top, path.length);
    }
    rest.splice(at, 1);
    if (!issued(issuer, top)) throw wrong(top, `was not signed by ${show(issuer)}`);
    requireCa(issuer, path.length - 1);
    requireValid(issuer, now);
    path.push(issuer);
    top = issuer;
  }
  throw wrong(leaf, `ends a chain of more than ${MAX_DEPTH}`);
}

/** `verify/untrusted-signer` if the path is sound as far as it goes, else `verify/signature`. */
function endOfPath(top: Certificate, length: number): VerifyError {
  const selfIssued = top.issuer === top.subject;
  if (selfIssued && !issued(top, top)) return wrong(top, 'names itself as issuer, which it is not');
  if (length < 2) return wrong(top, 'comes without the certificate of its issuer');
  return new VerifyError(
    'verify/untrusted-signer',
    `the .sign file is sound, but ${show(top)} ${selfIssued ? 'is' : 'was issued by'} a root we do not know`,
    { advice: 'Update this program if Talos has announced a new root' },
  );
}

/** X509_check_issued() compares names and key identifiers, and asks whether the issuer's key may sign certificates. */
function issued(issuer: Certificate, subject: Certificate): boolean {
  return subject.x509.checkIssued(issuer.x509) && subject.x509.verify(issuer.publicKey);
}

function requireLeaf(leaf: Certificate): void {
  const { digitalSignature, netscapeType } = leaf.extensions;
  if (leaf.commonName === '') throw wrong(leaf, 'has no common name'); // ClamAV would panic
  if (digitalSignature === false) throw wrong(leaf, 'may not sign data');
  if (netscapeType !== undefined && (netscapeType & NETSCAPE_SMIME) === 0) {
    throw wrong(leaf, 'is not for S/MIME by its Netscape type');
  }
  requirePurpose(leaf);
}

/** `below`: how many CAs stand between this one and the leaf. */
function requireCa(certificate: Certificate, below: number): void {
  const { ca, pathLength } = certificate.extensions;
  if (ca !== true) throw wrong(certificate, 'is not a CA');
  if (pathLength !== undefined && below > pathLength) {
    throw wrong(certificate, `allows ${pathLength} CAs below itself, here are ${below}`);
  }
  requirePurpose(certificate);
}

function requirePurpose(certificate: Certificate): void {
  if (certificate.extensions.extendedKeyUsage?.includes(EMAIL_PROTECTION) === false) {
    throw wrong(certificate, 'is not for S/MIME signatures, which ClamAV wants');
  }
}

/** The last second is not valid any more for OpenSSL, though RFC 5280 §4.1.2.5 includes it. */
function requireValid(certificate: Certificate, now: Date): void {
  const { notBefore, notAfter } = certificate;
  if (!(notBefore <= now && now < notAfter)) {
    const [from, until] = [notBefore.toISOString(), notAfter.toISOString()];
    throw wrong(certificate, `is valid from ${from} until ${until}, not on ${now.toISOString()}`);
  }
}

function requireNoStranger([stranger]: readonly Certificate[]): void {
  if (stranger !== undefined) throw wrong(stranger, 'is embedded, but not part of the chain');
}

function wrong(certificate: Certificate, why: string): VerifyError {
  return new VerifyError('verify/signature', `the certificate of ${show(certificate)} ${why}`);
}

/** An outsider's text. */
function show(certificate: Certificate): string {
  return JSON.stringify(certificate.commonName.slice(0, 80));
}
