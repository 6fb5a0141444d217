import { explain } from '../base/errors.ts';
import { EXTRA_SIGNATURE_BYTES } from '../base/limits/extras.ts';
import { readStart } from '../files/open.ts';
import { ExtraError } from './error.ts';

/**
 * Verifies a detached OpenPGP signature over bytes, armored or binary, with the public keys of a file. One good signature by
 * one of these keys is enough; weak kinds (DSA, SHA-1, short RSA) and keys that ended are none. The package is loaded here
 * alone: it is large, and most mirrors have no such source. Throws `extra/signature`, and `extra/keys` about the file.
 */
export async function verifyGpg(
  bytes: Buffer,
  signature: Buffer,
  { keys, now }: { readonly keys: string; readonly now: Date },
): Promise<void> {
  const { createMessage, readSignature, verify } = await import('openpgp');
  const verificationKeys = await keysIn(keys);
  try {
    const { signatures } = await verify({
      message: await createMessage({ binary: bytes }),
      signature: isArmored(signature)
        ? await readSignature({ armoredSignature: signature.toString('latin1') })
        : await readSignature({ binarySignature: signature }),
      verificationKeys,
      date: now,
    });
    await Promise.any(signatures.map(({ verified }) => verified));
  } catch (error) {
    throw new ExtraError('extra/signature', 'its OpenPGP signature is not good', {
      cause: error,
      advice:
        'A source may publish the file before its signature: then it passes by itself. If it lasts, ask who runs the ' +
        `source, and look at the keys in ${keys}`,
    });
  }
}

/** Public keys of a file. Throws `extra/keys`. */
export async function keysIn(path: string) {
  const { readKeys } = await import('openpgp');
  try {
    const bytes = await readStart(path, EXTRA_SIGNATURE_BYTES, { follow: true });
    return isArmored(bytes)
      ? await readKeys({ armoredKeys: bytes.toString('latin1') })
      : await readKeys({ binaryKeys: bytes });
  } catch (error) {
    throw new ExtraError('extra/keys', `${path} has no public keys that can be read: ${explain(error)}`, {
      cause: error,
      advice: 'Export them with: gpg --armor --export KEY',
    });
  }
}

function isArmored(bytes: Buffer): boolean {
  return bytes.toString('latin1', 0, 100).trimStart().startsWith('-----BEGIN PGP');
}
