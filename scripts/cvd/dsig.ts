import {
  constants,
  createHash,
  createPublicKey,
  type KeyObject,
  publicDecrypt,
  timingSafeEqual,
} from 'node:crypto';
import { CvdError } from './error.ts';

/**
 * An RSA key of ClamAV's own signature format (clamav-formats.md §1). Source: libclamav/dsig.c, cli_decodesig(),
 * cli_versig() for headers and cli_versig2() for `.info` and `.cdiff`.
 */
export interface PublicKey {
  readonly n: bigint;
  readonly e: bigint;
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/';
const MD5_LENGTH = 16;
const PSS_LENGTH = 256;
const HASH_LENGTH = 32;
const MASK_LENGTH = PSS_LENGTH - HASH_LENGTH - 1;
const SALT_LENGTH = 32;

/** Throws `cvd/signature` unless `dsig` signs this MD5 (32 hex digits) as the header of a CVD. */
export function verifyHeaderSignature(md5: string, dsig: string, key: PublicKey): void {
  const signed = recover(dsig, key, MD5_LENGTH);
  if (!timingSafeEqual(signed, Buffer.from(md5, 'hex'))) {
    throw new CvdError('cvd/signature', 'the signature in the header does not sign its MD5');
  }
}

/** Throws `cvd/signature` unless `dsig` signs this SHA-256 digest (32 bytes) in the PSS-like way. */
export function verifyPssSignature(digest: Uint8Array, dsig: string, key: PublicKey): void {
  const message = recover(dsig, key, PSS_LENGTH);
  const wrong = (what: string) => new CvdError('cvd/signature', `the signature does not fit: ${what}`);
  if (message[PSS_LENGTH - 1] !== 0xbc) throw wrong('its last byte is not bc'); // step 1
  const hash = message.subarray(MASK_LENGTH, MASK_LENGTH + HASH_LENGTH); // step 2
  const block = xor(message.subarray(0, MASK_LENGTH), mask(hash)); // step 3
  block[0] = (block[0] ?? 0) & 0x7f; // step 4
  const saltAt = MASK_LENGTH - SALT_LENGTH; // step 5, and the bytes before it must be zero
  if (block[saltAt - 1] !== 1 || block.subarray(0, saltAt - 1).some((byte) => byte !== 0)) {
    throw wrong('its padding is malformed');
  }
  if (!timingSafeEqual(saltedHash(digest, block.subarray(saltAt)), hash))
    throw wrong('other bytes were signed'); // step 6
}

/** Makes the 256 bytes that a PSS-like signature of `digest` decrypts to. Counterpart of `verifyPssSignature`. */
export function encodePss(digest: Uint8Array, salt: Uint8Array): Buffer {
  if (salt.length !== SALT_LENGTH) throw new RangeError(`a salt has ${SALT_LENGTH} bytes`);
  const hash = saltedHash(digest, salt);
  const block = Buffer.alloc(MASK_LENGTH);
  block[MASK_LENGTH - SALT_LENGTH - 1] = 1;
  block.set(salt, MASK_LENGTH - SALT_LENGTH);
  const masked = xor(block, mask(hash));
  masked[0] = (masked[0] ?? 0) & 0x7f;
  return Buffer.concat([masked, hash, Buffer.from([0xbc])]);
}

/** Number of a signature's text: six bits a character, the first one least significant. Throws `cvd/signature`. */
export function decodeDsig(text: string): bigint {
  let bits = '';
  for (const character of text) {
    const value = ALPHABET.indexOf(character);
    if (value === -1)
      throw new CvdError('cvd/signature', `a signature cannot hold ${JSON.stringify(character)}`);
    bits = value.toString(2).padStart(6, '0') + bits;
  }
  return BigInt(`0b0${bits}`);
}

/** The inverse of `decodeDsig`, padded with zero digits (`a`) to `length` characters. */
export function encodeDsig(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; rest > 0n; rest >>= 6n) text += ALPHABET.charAt(Number(rest & 63n));
  return text.padEnd(length, ALPHABET.charAt(0));
}

/** Computes raw RSA, c^e mod n, as `length` big-endian bytes. */
function recover(dsig: string, key: PublicKey, length: number): Buffer {
  const modulusLength = Math.ceil(key.n.toString(16).length / 2);
  const cipher = decodeDsig(dsig);
  if (cipher >= key.n) throw new CvdError('cvd/signature', 'the signature is larger than its key');
  const plain = publicDecrypt(
    { key: keyObject(key), padding: constants.RSA_NO_PADDING },
    bigEndian(cipher, modulusLength),
  );
  const lead = plain.length - length;
  if (lead < 0 || plain.subarray(0, lead).some((byte) => byte !== 0)) {
    throw new CvdError('cvd/signature', 'the signature was not made with the trusted key');
  }
  return plain.subarray(lead);
}

function keyObject({ n, e }: PublicKey): KeyObject {
  const base64url = (value: bigint) => bigEndian(value, 0).toString('base64url');
  return createPublicKey({ key: { kty: 'RSA', n: base64url(n), e: base64url(e) }, format: 'jwk' });
}

function bigEndian(value: bigint, length: number): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(Math.max(length * 2, hex.length + (hex.length % 2)), '0'), 'hex');
}

function saltedHash(digest: Uint8Array, salt: Uint8Array): Buffer {
  return createHash('sha256').update(Buffer.alloc(8)).update(digest).update(salt).digest();
}

function mask(seed: Uint8Array): Buffer {
  const blocks: Buffer[] = [];
  for (let index = 0; index * HASH_LENGTH < MASK_LENGTH; index++) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(index);
    blocks.push(createHash('sha256').update(seed).update(counter).digest());
  }
  return Buffer.concat(blocks).subarray(0, MASK_LENGTH);
}

function xor(left: Uint8Array, right: Uint8Array): Buffer {
  return Buffer.from(left.map((byte, at) => byte ^ (right[at] ?? 0)));
}
