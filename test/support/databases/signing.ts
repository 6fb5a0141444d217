import { constants, createHash, generateKeyPairSync, type KeyObject, privateEncrypt } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { encodeCdiffHeader } from '../../../scripts/cvd/cdiff/reader.ts';
import {
  type ContainerOrder,
  encodeCvd,
  encodeTar,
  orderOf,
  type TarFile,
} from '../../../scripts/cvd/container/writer.ts';
import { GZIP_HEADER } from '../../../scripts/cvd/deflate/gzip.ts';
import { encodeDsig, encodePss, type PublicKey } from '../../../scripts/cvd/dsig.ts';
import { type CvdHeader, encodeHeader, UNSEALED } from '../../../scripts/cvd/header.ts';
import { type CvdInfo, encodeInfo, infoDigest } from '../../../scripts/cvd/info.ts';
import { type LegacyKeys, TALOS_KEYS } from '../../../scripts/cvd/keys.ts';
import { TALOS, type Trust } from '../../../scripts/verify/trust.ts';

/** A signer that nobody outside of the tests trusts: what Talos' signing service does, with keys made here. */
export interface TestKeys {
  readonly keys: LegacyKeys;
  /** The dsig of a CVD header with this MD5. */
  signHeader(md5: string): string;
  /** The dsig of `.info` over its digest. */
  signInfo(digest: Uint8Array): string;
  /** The dsig of a CDIFF over its digest. */
  signCdiff(digest: Uint8Array): string;
  /** The dsig of a CDIFF that decrypts to these 256 bytes, whatever they are. */
  signCdiffRaw(message: Uint8Array): string;
}

/** The keys of this process; the first call takes about half a second. */
export function makeTestKeys(): TestKeys {
  made ??= newTestKeys();
  return made;
}

/** What production trusts, but for the legacy keys. */
export function testTrust(changes: Partial<Trust> = {}): Trust {
  return { ...TALOS, keys: makeTestKeys().keys, ...changes };
}

/** What a version of a database is made of; `files` are those that `.info` lists, in its order. */
export interface CvdParts {
  readonly database: string;
  readonly version: number;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly header?: Partial<CvdHeader>;
  readonly copying?: Uint8Array;
  readonly order?: ContainerOrder;
  readonly gzipHeader?: Uint8Array;
}

/**
 * A signed CVD. Real ClamAV takes none with an MD5 that begins with a zero byte (clamav-formats.md §1): then the time in
 * its gzip header, which nobody reads, makes another one.
 */
export function makeCvd(parts: CvdParts): Buffer {
  const info = makeInfo(parts);
  const contents = new Map(parts.files)
    .set('COPYING', parts.copying ?? COPYING)
    .set(`${parts.database}.info`, encodeInfo(info));
  const files = orderOf(parts.database, info, parts.order ?? 'info').map((name): TarFile => {
    const data = contents.get(name) ?? new Uint8Array(0);
    return { name, size: data.length, data: [data] };
  });
  for (let time = 0; ; time++) {
    const gzipHeader = Uint8Array.from(parts.gzipHeader ?? GZIP_HEADER);
    if (time > 0) gzipHeader[4] = time;
    let md5 = '';
    const cvd = encodeCvd(
      info.header,
      files,
      (digest) => {
        md5 = digest;
        return makeTestKeys().signHeader(digest);
      },
      gzipHeader,
    );
    if (!md5.startsWith('00')) return cvd;
  }
}

/**
 * A CLD of a version as freshclam builds it: not compressed, COPYING and `.info` first. `more` is what else lay in the
 * folder that it packed: files of these names take the place of the right ones.
 */
export function makeCld(parts: CvdParts, more: ReadonlyMap<string, Uint8Array> = new Map()): Buffer {
  const info = makeInfo(parts);
  const contents = new Map<string, Uint8Array>([
    ['COPYING', parts.copying ?? COPYING],
    [`${parts.database}.info`, encodeInfo(info)],
    ...parts.files,
    ...more,
  ]);
  const files = [...contents].map(([name, data]): TarFile => ({ name, size: data.length, data: [data] }));
  return Buffer.concat([encodeHeader(info.header), ...encodeTar(files)]);
}

/** The signed `.info` of a version. */
export function makeInfo({ database, version, files, header }: CvdParts): CvdInfo {
  const listed = [...files].map(([name, data]) => {
    return { name, size: data.length, sha256: createHash('sha256').update(data).digest('hex') };
  });
  return signInfo({ header: { ...makeHeader(database, version), ...header }, files: listed });
}

export function signInfo(info: Omit<CvdInfo, 'dsig'>): CvdInfo {
  return { ...info, dsig: makeTestKeys().signInfo(infoDigest(info)) };
}

/** An unsealed header; versions are built an hour apart. */
export function makeHeader(database: string, version: number): CvdHeader {
  const stime = 1_767_225_600 + (version % 10_000) * 3600; // 2026-01-01 and some hours
  const [, day, month, year, clock] = new Date(stime * 1000).toUTCString().split(' ');
  const time = `${day} ${month} ${year} ${clock?.slice(0, 5).replace(':', '-')} +0000`;
  return {
    time,
    version,
    signatures: version,
    fLevel: 90,
    md5: UNSEALED,
    dsig: UNSEALED,
    builder: database,
    stime,
  };
}

/** A signed CDIFF that leads to `version`. */
export function makeCdiff(version: number, script: Uint8Array | string): Buffer {
  const bytes = Buffer.from(script);
  const signed = Buffer.concat([
    Buffer.from(encodeCdiffHeader({ version, size: bytes.length })),
    gzipSync(bytes),
  ]);
  const dsig = makeTestKeys().signCdiff(createHash('sha256').update(signed).digest());
  return Buffer.concat([signed, Buffer.from(`:${dsig}`)]);
}

const COPYING = Buffer.from('Whoever reads this is running a test.\n');

let made: TestKeys | undefined;

function newTestKeys(): TestKeys {
  const [header, info, cdiff] = [
    newKey(1024, TALOS_KEYS.header.e),
    newKey(2047, TALOS_KEYS.info.e),
    newKey(2047, TALOS_KEYS.cdiff.e),
  ];
  return {
    keys: { header: header.public, info: info.public, cdiff: cdiff.public },
    signHeader: (md5) => sign(Buffer.from(md5.padStart(256, '0'), 'hex'), header.private),
    signInfo: (digest) => signPss(digest, info),
    signCdiff: (digest) => signPss(digest, cdiff),
    signCdiffRaw: (message) => sign(message, cdiff.private),
  };
}

interface KeyPair {
  readonly public: PublicKey;
  readonly private: KeyObject;
}

/** With Talos' exponent, so that the modulus alone makes the difference: see `rekeyed.ts`. */
function newKey(modulusLength: number, exponent: bigint): KeyPair {
  const publicExponent = Number(exponent);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent });
  const { n, e } = publicKey.export({ format: 'jwk' });
  const number = (text = '') => BigInt(`0x${Buffer.from(text, 'base64url').toString('hex')}`);
  return { public: { n: number(n), e: number(e) }, private: privateKey };
}

/**
 * The same digest always gets the same signature: the salt is made of it. The format clears one bit of 2048, so
 * that about every other salt gives a number too large for a 2047-bit key, and the next one is tried; so it is if the
 * number begins with a zero byte, which real ClamAV does not take (clamav-formats.md §1).
 */
function signPss(digest: Uint8Array, key: KeyPair): string {
  for (
    let salt = createHash('sha256').update(digest).digest();
    ;
    salt = createHash('sha256').update(salt).digest()
  ) {
    const message = encodePss(digest, salt);
    if (message[0] !== 0 && BigInt(`0x${message.toString('hex')}`) < key.public.n) {
      return sign(message, key.private);
    }
  }
}

function sign(message: Uint8Array, key: KeyObject): string {
  const signature = privateEncrypt({ key, padding: constants.RSA_NO_PADDING }, message);
  return encodeDsig(BigInt(`0x${signature.toString('hex')}`), Math.ceil((signature.length * 8) / 6));
}
