import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { codeOf } from '../../scripts/base/errors.ts';
import { SIGN_BYTES } from '../../scripts/base/limits/databases.ts';
import { encodeClamSign, parseClamSign, type SignLine } from '../../scripts/cvd/clamsign.ts';

const MAGIC = '#clamsign-1.0\n';
const LINE = '230::pkcs7-pem:AAEC\n';

const parse = (text: string) => parseClamSign(Buffer.from(text, 'latin1'));
const codeFor = (text: string): string | undefined => {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    return codeOf(error) ?? String(error);
  }
};

const line: fc.Arbitrary<SignLine> = fc
  .record({
    minFLevel: fc.nat(999),
    maxFLevel: fc.option(fc.integer({ min: 999, max: 999_999_999 }), { nil: undefined }),
    signature: fc.uint8Array({ minLength: 1, maxLength: 100 }),
  })
  .map((one) => ({ ...one, signature: Buffer.from(one.signature) }));

describe('the text of a .sign file', () => {
  test('holds a range of f-levels and a signature', () => {
    const signature = Buffer.from([0, 1, 2]);
    expect(parse(MAGIC + LINE)).toEqual([{ minFLevel: 230, maxFLevel: undefined, signature }]);
    expect(parse(`${MAGIC}0:229:pkcs7-pem:AAEC\n`)).toEqual([{ minFLevel: 0, maxFLevel: 229, signature }]);
  });

  test('may hold comments and empty lines', () => {
    expect(parse(`${MAGIC}# why\n\n${LINE}\n#230::pkcs7-pem:AAEC\n`)).toHaveLength(1);
  });

  test('may hold a signature that sigtool appended', () => {
    const appended = `${MAGIC}${LINE}\n231::pkcs7-pem:AAEC\n`;
    expect(parse(appended)).toHaveLength(2);
    expect(Buffer.from(encodeClamSign(parse(appended))).toString()).toBe(appended);
  });

  test('is what an encoder and a parser agree on', () => {
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 16 }), (lines) => {
        const bytes = encodeClamSign(lines);
        expect(parseClamSign(bytes)).toEqual(lines);
        expect(Buffer.from(encodeClamSign(parseClamSign(bytes))).equals(bytes)).toBe(true);
      }),
    );
  });

  test.each([
    ['is empty', ''],
    ['is an HTML page', '<!doctype html>\n'],
    ['has another version', `#clamsign-1.1\n${LINE}`],
    ['has something behind its version', `#clamsign-1.0 \n${LINE}`],
    ['has something before its version', `\n${MAGIC}${LINE}`],
    ['has CRLF', `#clamsign-1.0\r\n230::pkcs7-pem:AAEC\r\n`],
    ['has CRLF behind a signature', `${MAGIC}230::pkcs7-pem:AAEC\r\n`],
    ['does not end with a line', (MAGIC + LINE).slice(0, -1)],
    ['holds no signature', MAGIC],
    ['holds comments only', `${MAGIC}# ${LINE}`],
    ['holds more than 16 signatures', MAGIC + LINE.repeat(17)],
    ['holds bytes that are not ASCII', `${MAGIC}# \xe9\n${LINE}`],
    ['holds a zero byte', `${MAGIC}# \0\n${LINE}`],
    ['has a space before a signature', `${MAGIC} ${LINE}`],
    ['has a space behind a signature', `${MAGIC}230::pkcs7-pem:AAEC \n`],
    ['has a line of spaces', `${MAGIC} \n${LINE}`],
    ['has a signature of another kind', `${MAGIC}230::pkcs7-der:AAEC\n`],
    ['has a good signature and one of another kind', `${MAGIC}${LINE}230::ed25519:AAEC\n`],
    ['has no first f-level', `${MAGIC}::pkcs7-pem:AAEC\n`],
    ['has an f-level with a zero before it', `${MAGIC}0230::pkcs7-pem:AAEC\n`],
    ['has a negative f-level', `${MAGIC}-1::pkcs7-pem:AAEC\n`],
    ['has an f-level past all numbers', `${MAGIC}4294967296::pkcs7-pem:AAEC\n`],
    ['has f-levels in the wrong order', `${MAGIC}230:229:pkcs7-pem:AAEC\n`],
    ['has a fifth field', `${MAGIC}230::pkcs7-pem:AAEC:\n`],
    ['has no base64', `${MAGIC}230::pkcs7-pem:\n`],
    ['has base64 without its padding', `${MAGIC}230::pkcs7-pem:AAE\n`],
    ['has base64 with too much padding', `${MAGIC}230::pkcs7-pem:AAEC=\n`],
    ['has base64 with bits to spare', `${MAGIC}230::pkcs7-pem:AAF=\n`],
    ['has base64 of another alphabet', `${MAGIC}230::pkcs7-pem:AA-_\n`],
    ['has broken base64', `${MAGIC}230::pkcs7-pem:AA\nEC\n`],
  ])('is refused if it %s', (_, text) => {
    expect(codeFor(text)).toBe('cvd/sign');
  });

  test('is refused above its limit, and read up to it', () => {
    const filler = (size: number) => `#${'.'.repeat(size - MAGIC.length - LINE.length - 2)}\n`;
    expect(codeFor(MAGIC + filler(SIGN_BYTES) + LINE)).toBeUndefined();
    expect(codeFor(MAGIC + filler(SIGN_BYTES + 1) + LINE)).toBe('cvd/sign');
  });
});
