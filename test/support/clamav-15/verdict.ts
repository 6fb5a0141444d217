import { CvdError } from '../../../scripts/cvd/error.ts';
import { TALOS_KEYS } from '../../../scripts/cvd/keys.ts';
import { VerifyError } from '../../../scripts/verify/error.ts';
import type { TrustedRoot } from '../../../scripts/verify/roots.ts';
import { type FileDigests, verifySign } from '../../../scripts/verify/sign.ts';
import { F_LEVEL } from './settings.ts';

/**
 * What ClamAV 1.5 makes of a `.sign` file: `good`; `none`, as if there were no such file, so that the legacy signature
 * decides; or `refused`, and with it the file that it signs.
 */
export type SignVerdict = 'good' | 'none' | 'refused';

/** The first f-level of `pkcs7-pem`; a line that begins lower is a mistake to ClamAV, and ends the reading. */
const FIRST_PKCS7_FLEVEL = 230;

/**
 * Judges a `.sign` by our own verdict, on the line that ClamAV would take: the first that is made for its f-level. ClamAV
 * reads the text more leniently than our verdict does, so that line is written anew in the one form both take.
 * Source: libclamav_rust/src/codesign.rs, verify_signed_file().
 */
export function judgeSign(
  sign: Uint8Array,
  digests: FileDigests,
  trust: { readonly roots: readonly TrustedRoot[]; readonly now: () => Date },
): SignVerdict {
  const der = lineFor(Buffer.from(sign).toString('latin1'), F_LEVEL);
  if (der === undefined) return 'none';
  const line = `#clamsign-1.0\n${FIRST_PKCS7_FLEVEL}::pkcs7-pem:${der.toString('base64')}\n`;
  try {
    verifySign(Buffer.from(line), digests, { ...trust, keys: TALOS_KEYS });
    return 'good';
  } catch (error) {
    if (error instanceof VerifyError || error instanceof CvdError) return 'refused';
    throw error;
  }
}

/** The signature of the first line for this f-level; `undefined` where ClamAV gives up before it finds one. */
function lineFor(text: string, fLevel: number): Buffer | undefined {
  const [magic = '', ...lines] = text.split('\n').map((line) => line.trim());
  if (!magic.startsWith('#clamsign-1.0')) return undefined;
  for (const line of lines.filter((line) => line !== '' && !line.startsWith('#'))) {
    const [, min, max, base64] = /^(\d+):(\d*):pkcs7-pem:([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
    if (base64 === undefined || Number(min) < FIRST_PKCS7_FLEVEL) return undefined;
    const der = wholeDer(Buffer.from(base64, 'base64'));
    if (der === undefined) return undefined;
    if (Number(min) <= fLevel && (max === '' || Number(max) >= fLevel)) return der;
  }
  return undefined;
}

/** The sequence at the beginning, without what follows it, which OpenSSL does not mind. */
function wholeDer(bytes: Buffer): Buffer | undefined {
  const lengthBytes = (bytes[1] ?? 0) & 0x7f;
  if (bytes[0] !== 0x30 || (bytes[1] ?? 0) < 0x81 || lengthBytes > 4 || bytes.length < 2 + lengthBytes)
    return undefined;
  const end = 2 + lengthBytes + bytes.readUIntBE(2, lengthBytes);
  return end <= bytes.length ? bytes.subarray(0, end) : undefined;
}
