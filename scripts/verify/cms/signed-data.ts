import { constants, verify } from 'node:crypto';
import { VerifyError } from '../error.ts';
import {
  type Certificate,
  type DigestName,
  parseCertificate,
  RSA_SIGNATURES,
  readAlgorithm,
} from './certificate.ts';
import { DerReader, explicit, malformed, readSequence, TAG } from './der.ts';

/**
 * SHA-2 digests of one whole file. A `.sign` file says which one it signs; all seen so far sign SHA-256. A caller may
 * leave out the digests that `digestsNeeded` in sign.ts does not name.
 */
export interface FileDigests {
  readonly sha256: Uint8Array;
  readonly sha384?: Uint8Array;
  readonly sha512?: Uint8Array;
}

/** A detached CMS SignedData with one signer, in the form of `.sign` files (clamav-formats.md §2). */
export interface SignedData {
  readonly certificates: readonly Certificate[];
  /** Certificate of the signer, one of `certificates`. */
  readonly signer: Certificate;
  readonly digest: DigestName;
  /** Signed digest of the file. */
  readonly messageDigest: Uint8Array;
  /** Time by the signer's clock, for information. */
  readonly signingTime: Date | undefined;
  /** Attributes as DER SET OF, which the signature covers (RFC 5652 §5.4). */
  readonly signedAttributes: Uint8Array;
  readonly signature: Uint8Array;
}

const WHAT = 'the signature in the .sign file';
const OID = {
  data: '1.2.840.113549.1.7.1',
  signedData: '1.2.840.113549.1.7.2',
  contentType: '1.2.840.113549.1.9.3',
  messageDigest: '1.2.840.113549.1.9.4',
  signingTime: '1.2.840.113549.1.9.5',
  rsaEncryption: '1.2.840.113549.1.1.1',
} as const;
const DIGESTS: ReadonlyMap<string, DigestName> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);

/**
 * Parses a SignedData (RFC 5652 §5). Fields that no signature covers (versions, algorithms, the set of digests) must
 * have their one right value. Refuses everything that ClamAV's PKCS #7 reader does not know (a signer named by key
 * identifier) or that `.sign` files do not need (content, CRLs, unsigned attributes, a second signer).
 *
 * Throws `verify/sign-format`; `verify/untrusted-signer` if the signer's certificate is not embedded;
 * `verify/unfit-signer`.
 */
export function parseSignedData(der: Uint8Array): SignedData {
  const contentInfo = readSequence(der, WHAT);
  requireEqual(contentInfo.oid(), OID.signedData, 'content type');
  const tagged = contentInfo.into(explicit(0));
  contentInfo.end();
  const signed = tagged.into(TAG.sequence);
  tagged.end();

  requireEqual(signed.smallInteger(), 1, 'version');
  const digests = signed.into(TAG.set);
  const digest = readDigest(digests.into(TAG.sequence));
  digests.end();
  const content = signed.into(TAG.sequence);
  requireEqual(content.oid(), OID.data, 'type of signed content');
  content.end(); // no content: the signature is detached
  const certificates = readCertificates(signed.into(explicit(0)));
  const signers = signed.into(TAG.set); // anything else here is a CRL
  signed.end();

  const signer = signers.into(TAG.sequence);
  signers.end();
  requireEqual(signer.smallInteger(), 1, "signer's version");
  const name = signer.into(TAG.sequence);
  const [issuer, serial] = [name.take(TAG.sequence).encoded, name.integer()];
  name.end();
  requireEqual(readDigest(signer.into(TAG.sequence)), digest, "signer's digest");
  const attributes = signer.take(explicit(0));
  const algorithm = readAlgorithm(signer.into(TAG.sequence));
  if (algorithm !== OID.rsaEncryption)
    requireEqual(RSA_SIGNATURES.get(algorithm), digest, 'signature algorithm');
  const signature = signer.take(TAG.octetString).content;
  signer.end();

  return {
    certificates,
    signer: findSigner(certificates, issuer, serial),
    digest,
    ...readAttributes(attributes.content),
    signedAttributes: Buffer.concat([Buffer.from([TAG.set]), attributes.encoded.subarray(1)]),
    signature,
  };
}

/** Throws `verify/signature` unless the signer's key signed these attributes and they hold the file's digest. */
export function verifySignedData(signed: SignedData, digests: FileDigests): void {
  const key = { key: signed.signer.publicKey, padding: constants.RSA_PKCS1_PADDING };
  if (!verify(signed.digest, signed.signedAttributes, key, signed.signature)) {
    throw new VerifyError('verify/signature', 'the signature in the .sign file was not made by its signer');
  }
  const digest = digests[signed.digest];
  if (digest === undefined)
    throw new TypeError(`the ${signed.digest} of the file is needed, and was not given`);
  if (!Buffer.from(signed.messageDigest).equals(digest)) {
    throw new VerifyError('verify/signature', 'the .sign file signs another file');
  }
}

function readDigest(algorithm: DerReader): DigestName {
  const oid = readAlgorithm(algorithm);
  const digest = DIGESTS.get(oid);
  if (digest === undefined) throw malformed(WHAT, `${oid} is none of SHA-256, SHA-384 and SHA-512`);
  return digest;
}

function readCertificates(set: DerReader): Certificate[] {
  const certificates: Certificate[] = [];
  while (set.more) certificates.push(parseCertificate(set.take(TAG.sequence).encoded));
  return certificates;
}

function findSigner(certificates: readonly Certificate[], issuer: Buffer, serial: Buffer): Certificate {
  const named = certificates.filter((one) => one.issuerName.equals(issuer) && one.serial.equals(serial));
  const [signer, second] = named;
  if (signer === undefined) {
    throw new VerifyError(
      'verify/untrusted-signer',
      'the .sign file comes without the certificate of its signer',
    );
  }
  if (second !== undefined) {
    const message = `the .sign file embeds ${named.length} certificates that fit its signer`;
    throw new VerifyError('verify/unfit-signer', message);
  }
  return signer;
}

/** Reads attributes by RFC 5652 §11: content type and message digest are mandatory, each comes once, in DER order. */
function readAttributes(content: Buffer): { messageDigest: Uint8Array; signingTime: Date | undefined } {
  const attributes = new Map<string, DerReader>();
  const set = new DerReader(content, WHAT);
  let before: Buffer | undefined;
  while (set.more) {
    const { encoded, content: fields } = set.take(TAG.sequence);
    if (before !== undefined && before.compare(encoded) >= 0) {
      throw malformed(WHAT, 'its signed attributes are not in the order of DER');
    }
    before = encoded;
    const attribute = new DerReader(fields, WHAT);
    const oid = attribute.oid();
    if (attributes.has(oid)) throw malformed(WHAT, `it has signed attribute ${oid} twice`);
    attributes.set(oid, attribute.into(TAG.set));
    attribute.end();
  }
  const single = <T>(oid: string, read: (value: DerReader) => T): T | undefined => {
    const values = attributes.get(oid);
    if (values === undefined) return undefined;
    const value = read(values);
    values.end();
    return value;
  };
  requireEqual(
    single(OID.contentType, (value) => value.oid()),
    OID.data,
    'signed content type',
  );
  const messageDigest = single(OID.messageDigest, (value) => value.take(TAG.octetString).content);
  if (messageDigest === undefined) throw malformed(WHAT, 'it holds no digest of the file');
  return { messageDigest, signingTime: single(OID.signingTime, (value) => value.time()) };
}

function requireEqual<T>(found: T, wanted: T, what: string): void {
  if (found !== wanted) throw malformed(WHAT, `its ${what} is ${String(found)}, not ${String(wanted)}`);
}
