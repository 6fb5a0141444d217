import { SIGN_BYTES, SIGN_LINES } from '../base/limits/databases.ts';
import { CvdError } from './error.ts';

const MAGIC = '#clamsign-1.0';

/** One signature line of a `.sign` file, `minFlevel:maxFlevel:pkcs7-pem:BASE64` (clamav-formats.md §2). */
export interface SignLine {
  /** First f-level whose engines use this line. */
  readonly minFLevel: number;
  /** Last f-level whose engines use this line; `undefined`: there is no last one. */
  readonly maxFLevel: number | undefined;
  /** A CMS SignedData in DER. */
  readonly signature: Uint8Array;
}

/**
 * Parses a whole `.sign` file, which has at least one signature line. Comments and empty lines are dropped. Base64
 * must be canonical and lines must end with a bare line feed, so every changed byte outside a comment is an error or
 * changes a value. Throws `cvd/sign`.
 *
 * Source: libclamav_rust/src/codesign.rs, verify_signed_file(); clamav-signature-util, digital_sig.rs. ClamAV also
 * takes CRLF, white space around a line and a last line without a newline, and stops at the first line for its f-level
 * (clamav-formats.md §2). Such a file is odd and not forged: it is withheld.
 */
export function parseClamSign(bytes: Uint8Array): SignLine[] {
  if (bytes.length > SIGN_BYTES) throw malformed(`it has ${bytes.length} bytes, more than ${SIGN_BYTES}`);
  const text = Buffer.from(bytes).toString('latin1');
  if (!text.startsWith(`${MAGIC}\n`)) throw malformed(`it starts with ${JSON.stringify(text.slice(0, 24))}`);
  if (!/^[\n\x20-\x7e]*\n$/.test(text)) throw malformed('it is not lines of plain text');
  const lines = text
    .slice(MAGIC.length + 1, -1)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (lines.length === 0) throw malformed('it holds no signature');
  if (lines.length > SIGN_LINES) throw malformed(`it holds more than ${SIGN_LINES} signatures`);
  return lines.map(parseLine);
}

/**
 * Bytes of a `.sign` file as `sigtool --sign` writes them, with an empty line before each appended signature. Inverse
 * of `parseClamSign` for every file of this form without comments.
 */
export function encodeClamSign(lines: readonly SignLine[]): Uint8Array {
  return Buffer.from(`${MAGIC}\n${lines.map(encodeLine).join('\n')}`, 'latin1');
}

function parseLine(line: string): SignLine {
  const match = /^(0|[1-9]\d{0,8}):(0|[1-9]\d{0,8})?:pkcs7-pem:([A-Za-z0-9+/]+={0,2})$/.exec(line);
  const [, min, max, base64] = match ?? [];
  if (min === undefined || base64 === undefined) {
    throw malformed(`a line of it starts with ${JSON.stringify(line.slice(0, 32))}`);
  }
  const minFLevel = Number(min);
  const maxFLevel = max === undefined ? undefined : Number(max);
  if (maxFLevel !== undefined && maxFLevel < minFLevel) throw malformed(`no f-level is in ${min}:${max}`);
  const signature = Buffer.from(base64, 'base64');
  if (signature.toString('base64') !== base64) throw malformed('its base64 is not canonical');
  return { minFLevel, maxFLevel, signature };
}

function encodeLine({ minFLevel, maxFLevel, signature }: SignLine): string {
  return `${minFLevel}:${maxFLevel ?? ''}:pkcs7-pem:${Buffer.from(signature).toString('base64')}\n`;
}

function malformed(why: string): CvdError {
  return new CvdError('cvd/sign', `the .sign file is malformed: ${why}`);
}
