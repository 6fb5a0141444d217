import { type KeyObject, X509Certificate } from 'node:crypto';
import { KEY_BITS } from '../../base/limits/databases.ts';
import { VerifyError } from '../error.ts';
import { DerReader, explicit, malformed, readSequence, TAG } from './der.ts';

export type DigestName = 'sha256' | 'sha384' | 'sha512';

/** Fields of an X.509 certificate that a chain needs (RFC 5280 §4). */
export interface Certificate {
  /** The whole certificate in DER. */
  readonly bytes: Buffer;
  /** 1 or 3. */
  readonly version: number;
  /** Bytes of the serial number, which may be 00. */
  readonly serial: Buffer;
  /** Name of the issuer in DER, which a signer repeats. */
  readonly issuerName: Buffer;
  /** Names as text, whatever their string types. They are claims. */
  readonly issuer: string;
  readonly subject: string;
  /** CN of the subject, or empty. */
  readonly commonName: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly extensions: Extensions;
  /** RSA, 2048 to 8192 bits. */
  readonly publicKey: KeyObject;
  /** OpenSSL's view of the same bytes, which checks the links. */
  readonly x509: X509Certificate;
}

/** Extensions of a certificate; `undefined`: not present. */
export interface Extensions {
  ca?: boolean;
  /** Number of CAs allowed between this one and the leaf. */
  pathLength?: number;
  /** True if the key usage permits digital signatures. */
  digitalSignature?: boolean;
  /** Object identifiers of the purposes. */
  extendedKeyUsage?: string[];
  /** First byte of Netscape's certificate type. */
  netscapeType?: number;
}

/** Digest of each RSA PKCS#1 v1.5 signature algorithm, by object identifier. */
export const RSA_SIGNATURES: ReadonlyMap<string, DigestName> = new Map([
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
]);

const COMMON_NAME = '2.5.4.3';
const NAME_CONSTRAINTS = '2.5.29.30';
const WHAT = 'a certificate';

/**
 * Parses one certificate. Throws `verify/sign-format`, and `verify/unfit-signer` for an algorithm, key or critical
 * extension that cannot be relied on.
 */
export function parseCertificate(der: Uint8Array): Certificate {
  const bytes = Buffer.from(der);
  const outer = readSequence(bytes, WHAT);
  const tbs = outer.into(TAG.sequence);
  const algorithm = outer.take(TAG.sequence).encoded;
  const { unused } = outer.bits();
  outer.end();
  if (unused !== 0) throw malformed(WHAT, 'its signature is not whole bytes');

  const version = readVersion(tbs);
  const serial = tbs.integer();
  const signed = tbs.take(TAG.sequence).encoded;
  if (!signed.equals(algorithm)) throw malformed(WHAT, 'it names two signature algorithms');
  if (!RSA_SIGNATURES.has(readAlgorithm(readSequence(algorithm, WHAT)))) {
    throw unfit('signature is not RSA with SHA-256, SHA-384 or SHA-512');
  }
  const issuerName = tbs.take(TAG.sequence).encoded;
  const validity = tbs.into(TAG.sequence);
  const [notBefore, notAfter] = [validity.time(), validity.time()];
  validity.end();
  const commonName = readCommonName(tbs.take(TAG.sequence).encoded);
  tbs.take(TAG.sequence); // subjectPublicKeyInfo, which OpenSSL reads
  const extensions = version === 3 && tbs.more ? readExtensions(tbs) : {};
  tbs.end();

  const { x509, publicKey } = openssl(bytes);
  requireStrong(publicKey);
  return {
    ...{ bytes, version, serial, issuerName, commonName, notBefore, notAfter },
    ...{ issuer: x509.issuer, subject: x509.subject },
    ...{ extensions, publicKey, x509 },
  };
}

/** Object identifier of an AlgorithmIdentifier, whose parameters must be NULL or absent. */
export function readAlgorithm(algorithm: DerReader): string {
  const oid = algorithm.oid();
  if ((algorithm.maybe(TAG.null)?.content.length ?? 0) !== 0) throw malformed(oid, 'its NULL is not empty');
  algorithm.end();
  return oid;
}

function readVersion(tbs: DerReader): number {
  const tagged = tbs.maybe(explicit(0));
  if (tagged === undefined) return 1;
  const reader = new DerReader(tagged.content, WHAT);
  const version = reader.smallInteger() + 1;
  reader.end();
  if (version !== 3) throw malformed(WHAT, `it has version ${version}`);
  return version;
}

/** Reads extensions by RFC 5280 §4.2: each at most once, and an unknown critical one is fatal. */
function readExtensions(tbs: DerReader): Extensions {
  const tagged = tbs.into(explicit(3));
  const list = tagged.into(TAG.sequence);
  tagged.end();
  const found: Extensions = {};
  const seen = new Set<string>();
  while (list.more) {
    const extension = list.into(TAG.sequence);
    const oid = extension.oid();
    const critical = extension.flag();
    const { content } = extension.take(TAG.octetString);
    extension.end();
    if (seen.has(oid)) throw malformed(WHAT, `it has extension ${oid} twice`);
    seen.add(oid);
    const known = readExtension(found, oid, new DerReader(content, WHAT));
    // Name constraints bind even if a CA did not mark them as critical, and we do not evaluate them.
    if (!known && (critical || oid === NAME_CONSTRAINTS)) {
      throw unfit(`extension ${oid} is unknown`);
    }
  }
  return found;
}

/** Reads one extension. Returns false for an unknown one. */
function readExtension(found: Extensions, oid: string, value: DerReader): boolean {
  switch (oid) {
    case '2.5.29.14': // subjectKeyIdentifier and authorityKeyIdentifier: checkIssued() compares them
    case '2.5.29.35':
      return true;
    case '2.5.29.19': {
      const constraints = value.into(TAG.sequence);
      found.ca = constraints.flag();
      if (found.ca && constraints.more) found.pathLength = constraints.smallInteger();
      constraints.end();
      break;
    }
    case '2.5.29.15':
      found.digitalSignature = ((value.bits().bytes[0] ?? 0) & 0x80) !== 0; // bit 0 is the highest
      break;
    case '2.5.29.37': {
      const purposes = value.into(TAG.sequence);
      found.extendedKeyUsage = [];
      while (purposes.more) found.extendedKeyUsage.push(purposes.oid());
      break;
    }
    case '2.16.840.1.113730.1.1':
      found.netscapeType = value.bits().bytes[0] ?? 0;
      break;
    default:
      return false;
  }
  value.end();
  return true;
}

function readCommonName(name: Buffer): string {
  const parts = readSequence(name, WHAT);
  let found = '';
  while (parts.more) {
    const part = parts.into(TAG.set);
    while (part.more) {
      const attribute = part.into(TAG.sequence);
      if (attribute.oid() !== COMMON_NAME) continue;
      const text = attribute.maybe(TAG.utf8String) ?? attribute.maybe(TAG.printableString);
      found ||= text?.content.toString() ?? '';
    }
  }
  return found;
}

function openssl(bytes: Buffer): Pick<Certificate, 'x509' | 'publicKey'> {
  try {
    const x509 = new X509Certificate(bytes);
    return { x509, publicKey: x509.publicKey };
  } catch (cause) {
    throw malformed(WHAT, cause instanceof Error ? cause.message : String(cause));
  }
}

function requireStrong(key: KeyObject): void {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || bits < KEY_BITS.least || bits > KEY_BITS.most) {
    throw unfit(
      `key is ${key.asymmetricKeyType} with ${bits} bits, not RSA with ${KEY_BITS.least} to ${KEY_BITS.most}`,
    );
  }
}

function unfit(what: string): VerifyError {
  return new VerifyError('verify/unfit-signer', `a certificate cannot be relied on: its ${what}`);
}
