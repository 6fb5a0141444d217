import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { ExtraError } from './error.ts';

/** A public key of minisign. */
export interface MinisignKey {
  readonly id: Buffer;
  readonly key: KeyObject;
}

/**
 * Reads a public key: the base64 line of a `minisign.pub`, or all of it. `undefined` for what is none.
 * Source: minisign(1), "Public key format": `Ed`, 8 bytes of key id, 32 bytes of an Ed25519 key.
 */
export function minisignKey(text: string): MinisignKey | undefined {
  const line = text.trim().split('\n').at(-1) ?? '';
  const bytes = base64(line, 42);
  if (bytes === undefined || bytes.toString('latin1', 0, 2) !== 'Ed') return undefined;
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(10).toString('base64url') };
  return { id: bytes.subarray(2, 10), key: createPublicKey({ key: jwk, format: 'jwk' }) };
}

/**
 * Verifies a signature of minisign over bytes, and the one over its trusted comment. Throws `extra/signature`.
 * Source: minisign(1), "Signature format"; `ED` signs BLAKE2b-512 of the file, the older `Ed` the file.
 */
export function verifyMinisign(bytes: Buffer, signature: string, { id, key }: MinisignKey): void {
  const [, first = '', comment = '', second = ''] = signature.split(/\r?\n/);
  const [signed, global] = [base64(first, 74), base64(second, 64)];
  const trusted = /^trusted comment: (.*)$/.exec(comment)?.[1];
  if (signed === undefined || global === undefined || trusted === undefined) throw bad('is none of minisign');
  const algorithm = signed.toString('latin1', 0, 2);
  if (algorithm !== 'ED' && algorithm !== 'Ed') throw bad('is of a kind that is not known');
  if (!signed.subarray(2, 10).equals(id)) throw bad('was made with another key');
  const over = signed.subarray(10);
  const message = algorithm === 'ED' ? createHash('blake2b512').update(bytes).digest() : bytes;
  if (!verify(null, message, key, over)) throw bad('is not of these bytes');
  if (!verify(null, Buffer.concat([over, Buffer.from(trusted)]), key, global))
    throw bad('has a trusted comment that was changed');
}

function bad(what: string): ExtraError {
  return new ExtraError('extra/signature', `its minisign signature ${what}`, { advice: ADVICE });
}

const ADVICE =
  'A source may publish the file before its signature: then it passes by itself. If it lasts, ask who runs the source';

/** Strict base64 of so many bytes. */
function base64(text: string, length: number): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === length && bytes.toString('base64') === text ? bytes : undefined;
}
